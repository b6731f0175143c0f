import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RivuletError } from '@rivulet/errors';
import { KeyChainError, openKeyChain, type KeyLink } from '@rivulet/signatures';
import { readFileIfThere, writeFileSafely } from '../disk/write-file-safely';
import type { CentralHttp } from './central-http';

/** The chain of central's keys that an edge has followed: each was named by the one before it. */
interface FollowedKeys {
  centralId: string;
  /** Thumbprints, from the one that was trusted first to the one that is trusted now. */
  keys: string[];
  /** The last key's number. */
  number: number;
}

export interface CentralTrustSettings {
  /** Where it is kept. */
  file: string;
  central: Pick<CentralHttp, 'json'>;
  timeoutMs: number;
  onFollowed: (from: string, to: string) => void;
}

/** More answers of 100 keys each are not asked for at once. */
const ANSWERS_MAX = 20;

/** Which key of central is trusted now, where it has followed by their own word those that were trusted before. */
export class CentralTrust {
  private constructor(
    private readonly settings: CentralTrustSettings,
    private followed: FollowedKeys | undefined,
  ) {}

  static async open(settings: CentralTrustSettings): Promise<CentralTrust> {
    const json = await readFileIfThere(settings.file);
    return new CentralTrust(settings, json === undefined ? undefined : (JSON.parse(json) as FollowedKeys));
  }

  /** @param root - the key that is configured, or known from the enrolment */
  current(root: string | undefined): string | undefined {
    if (root === undefined || this.followed?.keys.includes(root) !== true) return root;
    return this.followed.keys.at(-1);
  }

  /**
   * Makes sure that a key that has signed an answer is the one to be trusted: the latest that follows the trusted one.
   *
   * @param centralId - where it is known
   * @throws RivuletError CENTRAL_KEY_RETIRED · CENTRAL_KEY_CHAIN_BROKEN · CENTRAL_KEY_UNKNOWN · CENTRAL_UNREACHABLE
   */
  async follow(trusted: string, signedBy: string, signal: AbortSignal, centralId?: string): Promise<void> {
    if (this.isLater(trusted, signedBy)) return;
    this.refuseRetired(signedBy);
    const links = await this.fetchLinks(trusted, signal);
    const [last] = links.slice(-1);
    if (last === undefined) throw unknownKey(signedBy, trusted);
    if (centralId !== undefined && last.centralId !== centralId) {
      throw broken(`The keys are those of another central, ${last.centralId}.`);
    }
    await this.keep(trusted, links);
    this.settings.onFollowed(trusted, last.to);
    if (last.to === signedBy) return;
    this.refuseRetired(signedBy);
    throw unknownKey(signedBy, last.to);
  }

  /** For what was accepted before: one of the two keys has followed the other. @throws RivuletError CENTRAL_KEY_UNKNOWN */
  refuseUnlinked(trusted: string, signedBy: string): void {
    const keys = this.followed?.keys ?? [];
    if (!keys.includes(trusted) || !keys.includes(signedBy)) throw unknownKey(signedBy, trusted);
  }

  private isLater(trusted: string, signedBy: string): boolean {
    const keys = this.followed?.keys ?? [];
    return keys.includes(trusted) && keys.at(-1) === signedBy;
  }

  private refuseRetired(signedBy: string): void {
    const keys = this.followed?.keys ?? [];
    if (!keys.includes(signedBy) || keys.at(-1) === signedBy) return;
    throw new RivuletError(
      'CENTRAL_KEY_RETIRED',
      `Central's answer is signed by its former key ${signedBy}; its key is ${keys.at(-1)} now.`,
    );
  }

  private async fetchLinks(trusted: string, signal: AbortSignal): Promise<KeyLink[]> {
    const links: KeyLink[] = [];
    const expected = this.followed?.keys.at(-1) === trusted ? this.followed : undefined;
    for (let answers = 0; answers < ANSWERS_MAX; answers++) {
      const from = links.at(-1)?.to ?? trusted;
      const more = await openLinks(await this.fetchStatements(from, signal));
      if (more.length === 0) break;
      refuseOthers(from, more[0]!, links.at(-1) ?? expected);
      links.push(...more);
    }
    return links;
  }

  private async fetchStatements(from: string, signal: AbortSignal): Promise<string[]> {
    const { central, timeoutMs } = this.settings;
    const call = { method: 'GET', path: `device-auth/central-keys?from=${from}` } as const;
    const answer = await central.json(call, timeoutMs, signal).catch((error: unknown) => {
      // A central of a version without it has no other key.
      if (error instanceof RivuletError && error.code === 'ROUTE_UNKNOWN') return { statements: [] };
      throw error;
    });
    const { statements } = (answer ?? {}) as { statements?: unknown };
    if (Array.isArray(statements) && statements.every((item) => typeof item === 'string')) return statements;
    throw broken('The answer has no statements.');
  }

  private async keep(trusted: string, links: KeyLink[]): Promise<void> {
    const { centralId, number } = links.at(-1)!;
    const before = this.followed?.keys.at(-1) === trusted ? this.followed.keys : [trusted];
    const followed = { centralId, number, keys: [...before, ...links.map(({ to }) => to)] };
    await mkdir(dirname(this.settings.file), { recursive: true, mode: 0o700 });
    await writeFileSafely(this.settings.file, JSON.stringify(followed, null, 2));
    this.followed = followed;
  }
}

async function openLinks(statements: string[]): Promise<KeyLink[]> {
  try {
    return await openKeyChain(statements);
  } catch (error) {
    if (error instanceof KeyChainError) throw broken(error.message);
    throw error;
  }
}

/** @param before - what is known of the key that the link begins with */
function refuseOthers(
  from: string,
  link: KeyLink,
  before: { centralId: string; number: number } | undefined,
): void {
  if (link.from !== from) throw broken(`They begin with the key ${link.from}, not with ${from}.`);
  if (before === undefined) return;
  if (link.centralId === before.centralId && link.number === before.number + 1) return;
  throw broken('They leave keys out, or are those of another central.');
}

function broken(reason: string): RivuletError {
  return new RivuletError(
    'CENTRAL_KEY_CHAIN_BROKEN',
    `Central has a new key, and the statements do not lead to it. ${reason}`,
  );
}

export function unknownKey(signedBy: string, trusted: string): RivuletError {
  return new RivuletError(
    'CENTRAL_KEY_UNKNOWN',
    `Central's answer is signed by the key ${signedBy}; this edge trusts ${trusted}.`,
  );
}
