import { formatByteSize } from '@rivulet/platform';
import { ChunkCutter, RowError, type Chunk } from '@rivulet/protocol';
import type { Dataset } from '@rivulet/datasets';

/** Limit for the shown rows: a single row can be very large. */
const MAX_HEAD_BYTES = 65_536;
const LF = 0x0a;

/** https://www.postgresql.org/docs/current/sql-copy.html */
const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** Counts canonical rows, keeps the first ones, and checks that central could send them. */
export class CanonicalRowReader {
  rows = 0;
  bytes = 0;
  failure: string | undefined;
  private head = Buffer.alloc(0);
  private readonly cutter: ChunkCutter;

  constructor(
    private readonly dataset: Dataset,
    private readonly sampleRows: number,
    private readonly maxRowBytes: number,
  ) {
    this.cutter = new ChunkCutter(dataset.definition.key.length, { keepContent: false, maxRowBytes });
  }

  push(buffer: Buffer): void {
    if (this.head.length < MAX_HEAD_BYTES && this.rows < this.sampleRows) {
      this.head = Buffer.concat([this.head, buffer.subarray(0, MAX_HEAD_BYTES - this.head.length)]);
    }
    for (let at = buffer.indexOf(LF); at !== -1; at = buffer.indexOf(LF, at + 1)) this.rows += 1;
    this.bytes += buffer.length;
    this.judge(() => this.cutter.push(buffer));
  }

  end(): void {
    this.judge(() => this.cutter.end());
  }

  /** The values of the first rows, without COPY's escapes; null for NULL. */
  get samples(): (string | null)[][] {
    const lines = this.head.toString('utf8').split('\n');
    const count = Math.min(this.sampleRows, this.rows);
    return lines.slice(0, count).map((line) => line.split('\t').map(readValue));
  }

  private judge(cut: () => Iterable<Chunk>): void {
    if (this.failure !== undefined) return;
    try {
      for (const _ of cut());
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      this.failure = this.explain(error);
    }
  }

  private explain({ problem, key }: RowError): string {
    const where = `(${this.dataset.definition.key.join(', ')}) = (${key.replaceAll('\t', ', ')})`;
    switch (problem) {
      case 'key-null':
        return `has a NULL in its key: ${where}`;
      case 'key-not-unique':
        return `has several rows with the key ${where}`;
      case 'row-too-large':
        return `has a row larger than CENTRAL_MAX_ROW_BYTES (${formatByteSize(this.maxRowBytes)}): ${where}`;
      default:
        return `ends within a row: ${where}`;
    }
  }
}

function readValue(text: string): string | null {
  if (text === '\\N') return null;
  return text.replaceAll(/\\(.)/g, (_, character: string) => ESCAPES[character] ?? character);
}
