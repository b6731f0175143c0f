import { hash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { RivuletError } from '@rivulet/errors';
import {
  encodeBlock,
  encodeFrameHeader,
  freeMemory,
  schemaFingerprint,
  TableHasher,
  type Chunk,
  type CollectionOffer,
  type CollectionTask,
  type Column,
  type KeptCollection,
} from '@rivulet/protocol';
import { CommittedRows, isChecksum } from './committed-rows';
import { KeptReceipts, RECEIPTS_FILE } from './kept-receipts';
import { SCHEDULE_FILE } from './offline/schedule-file';
import type { RowSink } from './read-task';
import { writeFileSafely } from '../disk/write-file-safely';

/** Of rows that were read by schedule while central was away. */
export type KeptTime = Omit<KeptCollection, 'checksum'>;

/** The rows of a run that are wholly on disk. */
export interface CollectedRun {
  /** Of rows that were kept: an ID of this device's own. */
  runId: string;
  kept?: KeptTime;
  mode: CollectionTask['mode'];
  /** The checksum of what central had of this device when it gave the task. */
  base?: string;
  offer: CollectionOffer;
  /** Where each frame begins in the file; one more for the end. */
  offsets: number[];
  /** Bytes of each chunk. */
  sizes: number[];
  /** The digest that stands for the last key of each chunk. */
  ends: string[];
}

/** Two keys that look alike cost bytes on the way, no more. */
const END_LENGTH = 12;

/** What is no run, and stays. */
const OWN_FILES = new Set([RECEIPTS_FILE, SCHEDULE_FILE]);
const RUN_FILE = /^([0-7][0-9A-HJKMNP-TV-Z]{25})\.json$/;

/**
 * Collected rows on disk, until central has them: a file of frames for each run, and beside it the offer, written when all
 * rows are there. Bounded: a run that needs room takes that of the oldest.
 */
export class CollectedRows {
  /** Central's word for what it has committed. */
  readonly receipts: KeptReceipts;
  private readonly committed: CommittedRows;

  constructor(
    private readonly directory: string,
    private readonly maxBytes: number,
    private readonly onDropped: (runId: string) => void,
  ) {
    this.committed = new CommittedRows(directory);
    this.receipts = new KeptReceipts(directory);
  }

  /** Removes what an earlier process has begun and not ended. */
  async open(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const complete = new Set([...(await this.runIds()), ...(await this.committed.checksums())]);
    for (const name of await readdir(this.directory))
      if (!OWN_FILES.has(name) && (!complete.has(name.split('.')[0]!) || name.endsWith('.new')))
        await rm(join(this.directory, name), { force: true });
  }

  /** The oldest first. */
  async runIds(): Promise<string[]> {
    const names = await readdir(this.directory);
    return names.flatMap((name) => RUN_FILE.exec(name)?.[1] ?? []).toSorted();
  }

  async find(runId: string): Promise<CollectedRun | undefined> {
    return this.read(runId);
  }

  /** The rows that central has committed with this checksum, if they are kept. */
  async findCommitted(checksum: string): Promise<CollectedRun | undefined> {
    return this.read(checksum);
  }

  /** A run that central has committed: its rows are kept where the next run is compared with them. */
  async settle(run: CollectedRun): Promise<void> {
    if (run.mode === 'mirror' && run.sizes.length > 0) await this.committed.keep(run);
    else await this.remove(run.runId);
  }

  private async read(name: string): Promise<CollectedRun | undefined> {
    try {
      return JSON.parse(await readFile(this.offerFile(name), 'utf8')) as CollectedRun;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      // A file that was cut off by a power loss: the query runs again.
      if (!(error instanceof SyntaxError)) throw error;
      await this.remove(name);
      return undefined;
    }
  }

  /** Writes the rows that `work` adds. @throws RivuletError DISK_FULL when they need more room than there is for all */
  async write(
    task: CollectionTask,
    work: (sink: RowSink) => Promise<void>,
    onChunk: (rows: number, bytes: number) => void,
    kept?: KeptTime,
  ): Promise<CollectedRun> {
    const { runId } = task;
    await this.remove(runId);
    const file = await open(this.frameFile(runId), 'wx', 0o600);
    try {
      const sink = new FrameSink(task, file, (bytes) => this.makeRoom(runId, bytes), onChunk);
      await work(sink);
      const { mode, base } = task;
      const { offsets, sizes, ends } = sink;
      const known = {
        runId,
        mode,
        ...(base !== undefined && { base }),
        ...(kept !== undefined && { kept }),
      };
      const run = { ...known, offer: sink.finish(), offsets, sizes, ends };
      await file.sync();
      await writeFileSafely(this.offerFile(runId), JSON.stringify(run));
      return run;
    } catch (error) {
      await this.remove(runId);
      throw error;
    } finally {
      await file.close();
    }
  }

  /** The frames of these positions, one behind the other. */
  async frames({ runId, offsets }: CollectedRun, first: number, last: number): Promise<Buffer> {
    return this.readFrames(runId, offsets, first, last);
  }

  /** The same of rows that are committed. @throws when they have been dropped meanwhile */
  async committedFrames({ offer, offsets }: CollectedRun, first: number, last: number): Promise<Buffer> {
    return this.readFrames(offer.checksum, offsets, first, last);
  }

  private async readFrames(name: string, offsets: number[], first: number, last: number): Promise<Buffer> {
    const file = await open(this.frameFile(name), 'r');
    try {
      const start = offsets[first]!;
      const bytes = Buffer.alloc(offsets[last + 1]! - start);
      await file.read(bytes, 0, bytes.length, start);
      return bytes;
    } finally {
      await file.close();
    }
  }

  /** Of so many runs and more the oldest are dropped. */
  async dropBeyond(runs: number): Promise<void> {
    for (const runId of (await this.runIds()).slice(0, -runs)) {
      await this.remove(runId);
      this.onDropped(runId);
    }
  }

  async remove(name: string): Promise<void> {
    // The offer first: without it the frames are nothing.
    await rm(this.offerFile(name), { force: true });
    await rm(this.frameFile(name), { force: true });
  }

  /** @returns how large the run may get without another look */
  private async makeRoom(runId: string, needed: number): Promise<number> {
    let others = 0;
    const sizes = new Map<string, number>();
    // Committed rows only save bytes on the way: they go first.
    for (const other of [...(await this.committed.checksums()), ...(await this.runIds())]) {
      if (other === runId) continue;
      const size = (await stat(this.frameFile(other)).catch(() => undefined))?.size ?? 0;
      sizes.set(other, size);
      others += size;
    }
    for (const [other, size] of sizes) {
      if (others + needed <= this.maxBytes) break;
      await this.remove(other);
      if (!isChecksum(other)) this.onDropped(other);
      others -= size;
    }
    if (others + needed <= this.maxBytes) return this.maxBytes - others;
    throw new RivuletError('DISK_FULL', `The rows of run ${runId} need more than ${this.maxBytes} bytes.`, {
      nextStep: 'Raise EDGE_COLLECT_SPOOL_BYTES on the device, or collect fewer rows.',
    });
  }

  private frameFile(runId: string): string {
    return join(this.directory, `${runId}.frames`);
  }

  private offerFile(runId: string): string {
    return join(this.directory, `${runId}.json`);
  }
}

class FrameSink implements RowSink {
  readonly offsets = [0];
  readonly sizes: number[] = [];
  readonly ends: string[] = [];
  private columns: Column[] = [];
  private hasher: TableHasher | undefined;
  private readonly digests: Buffer[] = [];
  private rows = 0;
  private bytes = 0;
  private room = 0;

  constructor(
    private readonly task: CollectionTask,
    private readonly file: FileHandle,
    private readonly makeRoom: (bytes: number) => Promise<number>,
    private readonly onChunk: (rows: number, bytes: number) => void,
  ) {}

  begin(columns: Column[]): void {
    const { name, key } = this.task;
    this.columns = columns;
    this.hasher = new TableHasher(schemaFingerprint({ name, columns, key }));
  }

  async add(chunk: Chunk): Promise<void> {
    const { encoding, block } = encodeBlock(chunk.content);
    const { digest, rows, bytes: contentBytes } = chunk;
    const number = this.digests.length;
    const header = {
      kind: 'chunk' as const,
      table: 0,
      number,
      digest,
      rows,
      contentBytes,
      encoding,
      blockBytes: block.length,
    };
    const head = encodeFrameHeader(header);
    const end = this.offsets.at(-1)! + head.length + block.length;
    if (end > this.room) this.room = await this.makeRoom(end);
    await this.file.writev([head, block]);
    freeMemory(chunk.content);
    if (encoding !== 'none') freeMemory(block);
    this.hasher!.add(chunk);
    this.digests.push(digest);
    this.offsets.push(end);
    this.sizes.push(contentBytes);
    this.ends.push(hash('sha256', chunk.lastKey).slice(0, END_LENGTH));
    this.rows += rows;
    this.bytes += contentBytes;
    this.onChunk(this.rows, this.bytes);
  }

  finish(): CollectionOffer {
    const { rows, bytes, columns } = this;
    const { checksum } = this.hasher!.finish();
    return { columns, rows, bytes, digests: Buffer.concat(this.digests).toString('base64'), checksum };
  }
}
