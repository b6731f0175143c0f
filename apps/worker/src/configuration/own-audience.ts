import type { Socket } from 'node:net';

/**
 * Whether a request is for this worker: for the address and port at which it arrived, for localhost where it came by way of
 * loopback, or for one of its URLs.
 */
export function isOwnAudience(
  audience: string,
  { localAddress, localPort }: Pick<Socket, 'localAddress' | 'localPort'>,
  audiences: readonly string[],
): boolean {
  if (audiences.includes(audience)) return true;
  if (localAddress === undefined || localPort === undefined) return false;
  const address = localAddress.replace(/^::ffff:(?=\d+\.)/, '');
  const isLoopback = address === '::1' || address.startsWith('127.');
  const hosts = [address.includes(':') ? `[${address}]` : address, ...(isLoopback ? ['localhost'] : [])];
  return hosts.some((host) => audience === `${host}:${localPort}`);
}
