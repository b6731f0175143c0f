import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileSafely } from '../disk/write-file-safely';

export const RECEIPTS_FILE = 'receipts.jws';
/** About 1,500 receipts. When there are more, the older half is dropped. */
const MAX_BYTES = 1024 * 1024;

/** Central's signed receipts for the rows that it has committed, one a line, the latest last. `npm run proof` reads them. */
export class KeptReceipts {
  private readonly path: string;

  constructor(
    directory: string,
    private readonly maxBytes = MAX_BYTES,
  ) {
    this.path = join(directory, RECEIPTS_FILE);
  }

  async add(receipt: string): Promise<void> {
    const file = await open(this.path, 'a', 0o600);
    try {
      // A line that a power loss has cut off does not spoil this one.
      await file.writeFile(`\n${receipt}\n`);
      await file.sync();
      if ((await file.stat()).size <= this.maxBytes) return;
    } finally {
      await file.close();
    }
    const receipts = (await readFile(this.path, 'utf8')).split('\n').filter((line) => line !== '');
    await writeFileSafely(this.path, `${receipts.slice(Math.ceil(receipts.length / 2)).join('\n')}\n`);
  }
}
