import { BlockList, isIP } from 'node:net';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { FastifyRequest } from 'fastify';
import type { Authenticator } from './authenticator';
import type { Principal } from './principal';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** The headers that proxies, ingresses and CDNs add to the requests of others, of which one may stand on this machine. */
const FORWARDING_HEADER =
  /^(via|cdn-loop|(x-)?forwarded(-.*)?|x-(original|rewrite|envoy|azure|appengine)-.*|.*(client|connecting|user|real)-?ip)$/;
/** A page of our own, or a person who typed the address. */
const OWN_FETCH_SITES = new Set<unknown>(['same-origin', 'none']);

const localPrincipal: Principal = { kind: 'local', id: 'local', name: 'this machine' };

/**
 * Lets in who is on this machine. A page in a browser there is not let in: neither by a name of its own that it has
 * made point here, as the host must be named as a loopback address or localhost, nor by a request across sites.
 */
export class LocalAuthenticator implements Authenticator {
  readonly refusals: readonly ErrorCode[] = ['CALLER_NOT_LOCAL'];

  /** @throws RivuletError CALLER_NOT_LOCAL */
  authenticate(request: FastifyRequest): Principal {
    const reason = foreignness(request);
    if (reason === undefined) return localPrincipal;
    throw new RivuletError('CALLER_NOT_LOCAL', reason);
  }
}

function foreignness({ socket, headers }: FastifyRequest): string | undefined {
  if (Object.keys(headers).some((name) => FORWARDING_HEADER.test(name)))
    return 'The request came through a proxy.';
  const host = headers.host ?? '';
  if (!isLoopback(socket.remoteAddress ?? '') || !isLocalHost(host))
    return `The request came from ${socket.remoteAddress ?? 'nowhere'} for the host "${host}".`;
  return isFromOtherSite(headers) ? 'A page of a different site made the request.' : undefined;
}

function isFromOtherSite(headers: FastifyRequest['headers']): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && !OWN_FETCH_SITES.has(site)) return true;
  return headers.origin !== undefined && headers.origin !== `http://${headers.host}`;
}

function isLocalHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || isLoopback(name);
}

/** IPv4 may come as `::ffff:127.0.0.1`, which BlockList takes for what it is. */
function isLoopback(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && loopback.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
