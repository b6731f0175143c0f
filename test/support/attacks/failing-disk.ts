import { writeFileSync } from 'node:fs';
import type { writeFileSafely } from '../../../apps/edge/src/disk/write-file-safely';
import type { Randomness } from '../histories/random-source';

type Write = typeof writeFileSafely;

/** Writes that are not on disk yet, where nobody waits for that. */
const WRITES_AT_ONCE = 3;

/** A disk whose power fails in the middle of a write. */
export class FailingDisk {
  /** Aborted when the power has failed, until the edge is started. */
  power = new AbortController();
  /** A mistake: a file is written where it stays, and may be half written. */
  writesInPlace = false;
  /** A mistake: what was written last is not on disk yet when it counts as written. */
  isLazy = false;
  private left = Infinity;
  private random: Randomness | undefined;
  private waiting: [path: string, content: string][] = [];

  failAfter(writes: number, random: Randomness): void {
    this.left = writes;
    this.random = random;
  }

  start(): void {
    this.power = new AbortController();
    this.left = Infinity;
    this.waiting = [];
  }

  async write(path: string, content: string, whole: Write): Promise<void> {
    if (this.power.signal.aborted) throw new Error('The power is off.');
    if (this.left-- > 0) {
      await this.keep(path, content, whole);
      return;
    }
    if (this.writesInPlace) writeFileSync(path, content.slice(0, this.random!.below(content.length)));
    // With a rename there is the file before or the one after.
    else if (this.random!.below(2) === 0) await this.keep(path, content, whole);
    this.power.abort();
    throw new Error('The power has failed.');
  }

  private async keep(path: string, content: string, whole: Write): Promise<void> {
    if (!this.isLazy) {
      await whole(path, content);
      return;
    }
    this.waiting.push([path, content]);
    if (this.waiting.length > WRITES_AT_ONCE) await whole(...this.waiting.shift()!);
  }
}
