import { BlockList, isIP, isIPv6 } from 'node:net';

/** Networks that an operator may allow. */
export const networkKinds = ['loopback', 'private', 'link-local'] as const;
export type NetworkKind = (typeof networkKinds)[number];

type AddressKind = NetworkKind | 'public' | 'special';

function listOf(subnets: string): BlockList {
  const list = new BlockList();
  for (const subnet of subnets.split(' ')) {
    const [network, prefix] = subnet.split('/') as [string, string];
    list.addSubnet(network, Number(prefix), isIPv6(network) ? 'ipv6' : 'ipv4');
  }
  return list;
}

const SPECIAL_IPV4 =
  '0.0.0.0/8 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4';
/** IPv6 addresses that hold one of IPv4, which may be any. */
const TRANSLATED = '2002::/16 2001::/23';
const SPECIAL_IPV6 = '2001:db8::/32 3fff::/20';
/** The only addresses of IPv6 that have been given to anybody (RFC 4291, 2.4). */
const publicIpv6 = listOf('2000::/3');

/** By the IANA registries of special-purpose addresses (RFC 6890). BlockList takes ::ffff:a.b.c.d for a.b.c.d. */
const lists: [AddressKind, BlockList][] = [
  ['loopback', listOf('127.0.0.0/8 ::1/128')],
  ['link-local', listOf('169.254.0.0/16 fe80::/10')],
  ['private', listOf('10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7')],
  ['special', listOf(`${SPECIAL_IPV4} ${TRANSLATED} ${SPECIAL_IPV6}`)],
];

/** An address that is not known to be public is special. */
export function kindOfAddress(address: string): AddressKind {
  const version = isIP(address);
  if (version === 0 || address.includes('%')) return 'special';
  const family = version === 6 ? 'ipv6' : 'ipv4';
  const known = lists.find(([, list]) => list.check(address, family))?.[0];
  return known ?? (version === 4 || publicIpv6.check(address, 'ipv6') ? 'public' : 'special');
}
