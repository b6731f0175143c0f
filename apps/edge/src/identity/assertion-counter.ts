import { open, readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { writeFileSafely } from '../disk/write-file-safely';

const RETRY_MS = 10;
/** A process holds the lock for milliseconds; one that was killed holds it for ever. */
const ABANDONED_MS = 5_000;

/**
 * Numbers that no process on this device has had before, also after a power cut. Central takes a number that comes twice
 * as a sign of two devices with one key.
 */
export class AssertionCounter {
  constructor(private readonly path: string) {}

  async next(): Promise<number> {
    const release = await this.lock();
    try {
      const next = (await this.read()) + 1;
      await writeFileSafely(this.path, String(next));
      return next;
    } finally {
      await release();
    }
  }

  private async read(): Promise<number> {
    try {
      const value = Number(await readFile(this.path, 'utf8'));
      return Number.isSafeInteger(value) ? value : 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
  }

  private async lock(): Promise<() => Promise<void>> {
    const path = `${this.path}.lock`;
    for (;;) {
      try {
        await (await open(path, 'wx', 0o600)).close();
        return () => rm(path, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const held = await stat(path).catch(() => undefined);
      if (held !== undefined && Math.abs(Date.now() - held.mtimeMs) > ABANDONED_MS)
        await rm(path, { force: true });
      await delay(RETRY_MS);
    }
  }
}
