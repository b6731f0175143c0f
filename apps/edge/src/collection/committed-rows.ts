import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { CollectionOffer } from '@rivulet/protocol';

const CHECKSUM_FILE = /^([0-9a-f]{64})\.json$/;
export function isChecksum(name: string): boolean {
  return CHECKSUM_FILE.test(`${name}.json`);
}

/** Nobody asks again for the rows of a job that is gone. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** A run whose rows central has. */
interface CommittedRun {
  runId: string;
  /** The checksum of what it had before. */
  base?: string;
  offer: Pick<CollectionOffer, 'checksum'>;
}

/**
 * Rows that central has committed, by their checksum: what the next run of a mirror is compared with, so that only rows that
 * differ travel. They are the files of the run that brought them, under another name. Losing them costs bytes and nothing else.
 */
export class CommittedRows {
  constructor(private readonly directory: string) {}

  /** Those that were not used for longest first. */
  async checksums(): Promise<string[]> {
    const names = await readdir(this.directory);
    const found = await Promise.all(
      names.flatMap((name) => CHECKSUM_FILE.exec(name)?.[1] ?? []).map((name) => this.usedAt(name)),
    );
    return found.toSorted((a, b) => a.usedAtMs - b.usedAtMs).map(({ checksum }) => checksum);
  }

  /** In place of those that central had before, which nobody asks for any more. */
  async keep({ runId, base, offer: { checksum } }: CommittedRun): Promise<void> {
    // From here on the run is done with. Should the frames not follow, chunks are sent as a whole.
    await rename(this.path(`${runId}.json`), this.path(`${checksum}.json`));
    await rename(this.path(`${runId}.frames`), this.path(`${checksum}.frames`));
    const now = new Date();
    await utimes(this.path(`${checksum}.json`), now, now);
    if (base !== undefined && base !== checksum) await this.remove(base);
    await this.removeUnused(now.getTime());
  }

  private async removeUnused(nowMs: number): Promise<void> {
    for (const checksum of await this.checksums()) {
      const { usedAtMs } = await this.usedAt(checksum);
      if (nowMs - usedAtMs > KEPT_MS) await this.remove(checksum);
    }
  }

  private async usedAt(checksum: string): Promise<{ checksum: string; usedAtMs: number }> {
    const file = await stat(this.path(`${checksum}.json`)).catch(() => undefined);
    return { checksum, usedAtMs: file?.mtimeMs ?? 0 };
  }

  private async remove(checksum: string): Promise<void> {
    await rm(this.path(`${checksum}.json`), { force: true });
    await rm(this.path(`${checksum}.frames`), { force: true });
  }

  private path(name: string): string {
    return join(this.directory, name);
  }
}
