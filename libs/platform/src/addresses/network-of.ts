import { isIPv6 } from 'node:net';

/**
 * The part of an address that counts as one caller: whoever has an IPv6 address has 2^64 of them. A connection that is gone
 * may have no address any more, whatever the types of Node and Fastify say; all such callers are one.
 */
export function networkOf(address: string | undefined): string {
  if (address === undefined) return 'gone';
  if (!isIPv6(address) || address.includes('.')) return address.replace(/^::ffff:/i, '');
  const { hostname } = new URL(`http://[${address.replace(/%.*$/, '')}]`);
  const [head = '', tail] = hostname.slice(1, -1).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return `${[...before, ...(tail === undefined ? [] : zeros), ...after].slice(0, 4).join(':')}::/64`;
}
