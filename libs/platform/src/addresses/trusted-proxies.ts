import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from '@fastify/proxy-addr';

const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];

/** Whose word counts about the address and the scheme of a caller. */
export class TrustedProxies {
  private readonly trusts: ((address: string, hop: number) => boolean) | undefined;

  /** @param networks - addresses, CIDR ranges, or the names `loopback`, `linklocal` and `uniquelocal` */
  constructor(networks: readonly string[] = []) {
    this.trusts = networks.length === 0 ? undefined : proxyAddr.compile([...networks]);
  }

  static accepts(networks: readonly string[]): boolean {
    try {
      new TrustedProxies(networks).trust('192.0.2.1');
      return true;
    } catch {
      return false;
    }
  }

  get isEmpty(): boolean {
    return this.trusts === undefined;
  }

  trust(address: string | undefined): boolean {
    return this.trusts !== undefined && address !== undefined && this.trusts(address, 0);
  }

  /** The address that the outermost trusted proxy saw, or that of the connection. */
  addressOf(request: IncomingMessage): string {
    const own = request.socket.remoteAddress ?? '';
    if (this.trusts === undefined || request.headers['x-forwarded-for'] === undefined || !this.trust(own))
      return own;
    const chain = proxyAddr.all(request, this.trusts);
    // Some proxies add a port. What is no address at all came from further away, and nobody vouches for it.
    const seen = chain.map(withoutPort).findLast((address) => isIP(address) !== 0);
    return seen ?? own;
  }

  /** Leaves of what is said of the caller what may be believed: one address, or nothing. */
  settle(request: IncomingMessage): void {
    if (this.trusts === undefined) return;
    const { headers } = request;
    if (this.trust(request.socket.remoteAddress)) {
      if (headers['x-forwarded-for'] !== undefined) headers['x-forwarded-for'] = this.addressOf(request);
    } else {
      for (const name of FORWARDED) delete headers[name];
    }
  }
}

function withoutPort(text: string): string {
  const [, bracketed, plain] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(text) ?? [];
  return bracketed ?? plain ?? text;
}
