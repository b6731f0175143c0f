import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { kindOfAddress } from './address-kinds';
import { TargetsEnv } from './targets.env';

export type Resolve = (hostname: string) => Promise<string[]>;
const RESOLVE = Symbol('RESOLVE');

const URL_MAX_CHARACTERS = 2_048;

/** Where the task may go. */
@Injectable()
export class AllowedTargets {
  constructor(
    private readonly env: TargetsEnv,
    @Optional() @Inject(RESOLVE) private readonly resolve: Resolve = resolveByDns,
  ) {}

  /**
   * What can be said of a URL without asking DNS.
   *
   * @throws RivuletError TASK_TARGET_REFUSED
   */
  check(text: string): URL {
    if (text.length > URL_MAX_CHARACTERS)
      throw refused(`It is longer than ${URL_MAX_CHARACTERS} characters.`);
    if (!URL.canParse(text)) throw refused('It is no URL.');
    const url = new URL(text);
    if (!['http:', 'https:'].includes(url.protocol))
      throw refused(`Its scheme is ${url.protocol.slice(0, -1)}.`);
    if (url.username !== '' || url.password !== '') throw refused('It has a user or a password.');
    const host = hostOf(url);
    if (!this.isAllowedHost(host)) throw refused(`WORKER_ALLOWED_HOSTS does not name ${host}.`);
    // URL has read 2130706433, 0x7f.1 and the like as the addresses that they are.
    if (isIP(host) !== 0) this.checkAddress(host);
    return url;
  }

  /**
   * The address to connect to. It is asked for once: a name that is asked for again may have another answer by then.
   *
   * @throws RivuletError TASK_TARGET_REFUSED · TASK_FAILED where the name has no address
   */
  async addressOf(url: URL): Promise<string> {
    const host = hostOf(url);
    if (isIP(host) !== 0) return host;
    const addresses = await this.resolve(host).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      throw new RivuletError('TASK_FAILED', `${host} has no address: ${code ?? 'unknown error'}.`);
    });
    // All, not the first one that is allowed: a name with both kinds is an attempt.
    for (const address of addresses) this.checkAddress(address);
    const [first] = addresses;
    if (first !== undefined) return first;
    throw new RivuletError('TASK_FAILED', `${host} has no address.`);
  }

  private checkAddress(address: string): void {
    const kind = kindOfAddress(address);
    if (kind === 'public' || this.env.allowedNetworks.some((allowed) => allowed === kind)) return;
    throw refused(`${address} is a ${kind} address, which WORKER_ALLOWED_NETWORKS does not allow.`);
  }

  private isAllowedHost(host: string): boolean {
    const { allowedHosts } = this.env;
    if (allowedHosts.length === 0) return true;
    return allowedHosts.some((allowed) => {
      const name = allowed.toLowerCase();
      return name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name;
    });
  }
}

/** Without the brackets of IPv6, and without the dot that ends a full name. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

async function resolveByDns(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}

function refused(reason: string): RivuletError {
  return new RivuletError('TASK_TARGET_REFUSED', `The URL of the task is not allowed. ${reason}`);
}
