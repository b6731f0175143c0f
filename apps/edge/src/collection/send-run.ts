import { setTimeout as sleep } from 'node:timers/promises';
import { RivuletError } from '@rivulet/errors';
import {
  COLLECTION_BATCH_BYTES,
  COLLECTION_RECEIPT_TYPE,
  FRAMES_CONTENT_TYPE,
  freeMemory,
  parseCollectionDemand,
  parseCollectionReceipt,
  parseFrameRanges,
  toFrameRanges,
  type FrameRange,
} from '@rivulet/protocol';
import type { DeviceRoutes } from '../hub/device-routes';
import type { CollectedRows, CollectedRun } from './collected-rows';
import { RunEdits } from './run-edits';

/** Tries while central says that it is busy, or that chunks are missing that were there. */
const TRIES_MAX = 100;
/** A longer wait than this is left to a person. */
const WAIT_MAX_SECONDS = 60;

/**
 * Offers the rows of a run to central, sends the chunks that it lacks, as edits of those that it has where that is less, and has
 * them committed. Everything may be repeated:
 * after a broken connection the next call sends what is still missing.
 *
 * @param runId - central's ID of the run
 * @returns the receipt, which is central's and is for these rows
 * @throws RivuletError with central's own code, or CENTRAL_UNREACHABLE, ANSWER_MISMATCHED
 */
export async function sendRun(
  central: DeviceRoutes,
  rows: CollectedRows,
  run: CollectedRun,
  signal: AbortSignal,
  runId = run.runId,
): Promise<string> {
  const sending = new Sending(central, rows, run, await RunEdits.of(rows, run), signal, runId);
  for (let tries = 1; ; tries++) {
    try {
      const receipt = (await sending.offerAll()) ?? (await sending.commit());
      await verifyReceipt(central, run, runId, receipt, signal);
      return receipt;
    } catch (error) {
      const seconds = waitFor(error);
      if (seconds === undefined || tries >= TRIES_MAX) throw error;
      await sleep(seconds * 1_000 * (1 + Math.random()), undefined, { signal });
    }
  }
}

/** The rows of a run on their way. */
class Sending {
  /** Each chunk is sent as an edit once: if central cannot make it of what it has, it asks for it again. */
  private readonly edited = new Set<number>();

  constructor(
    private readonly central: DeviceRoutes,
    private readonly rows: CollectedRows,
    private readonly run: CollectedRun,
    private edits: RunEdits | undefined,
    private readonly signal: AbortSignal,
    private readonly runId: string,
  ) {}

  /** @returns the receipt, if the rows are committed already */
  async offerAll(): Promise<string | undefined> {
    for (;;) {
      const { missing, missingChunks, receipt } = parseCollectionDemand(await this.offer());
      if (receipt !== undefined || missing === '') return receipt;
      const asked = new Set(numbersOf(parseFrameRanges(missing, this.run.offsets.length - 1)));
      const stored = await this.sendChunks(asked);
      if (stored === missingChunks) return undefined;
    }
  }

  private async post(path: string, body: object | Buffer, contentType?: string): Promise<unknown> {
    return this.central.post(`collection/runs/${this.runId}/${path}`, body, this.signal, contentType);
  }

  /** The edits, as long as central has the rows that they start from. */
  private async offer(): Promise<unknown> {
    if (this.edits === undefined) return this.post('offer', this.run.offer);
    try {
      return await this.post('offer', this.edits.offer);
    } catch (error) {
      if (!(error instanceof RivuletError) || error.code !== 'COLLECTION_BASE_CHANGED') throw error;
      this.edits = undefined;
      return this.post('offer', this.run.offer);
    }
  }

  /** @returns how many central has stored */
  private async sendChunks(asked: ReadonlySet<number>): Promise<number> {
    const whole = new Set(asked);
    let stored = 0;
    if (this.edits !== undefined) {
      const unedited = new Set([...asked].filter((number) => !this.edited.has(number)));
      for await (const { body, numbers } of this.edits.bodies(unedited)) {
        stored += storedOf(await this.post('chunks', body, FRAMES_CONTENT_TYPE));
        for (const number of numbers) {
          this.edited.add(number);
          whole.delete(number);
        }
      }
    }
    for (const { first, last } of toFrameRanges(whole))
      for (const [start, end] of batches(this.run.offsets, first, last)) {
        const body = await this.rows.frames(this.run, start, end);
        stored += storedOf(await this.post('chunks', body, FRAMES_CONTENT_TYPE));
        freeMemory(body);
      }
    return stored;
  }

  async commit(): Promise<string> {
    const answer = await this.post('commit', {});
    return parseCollectionDemand({ missing: '', missingChunks: 0, ...(answer as object) }).receipt ?? '';
  }
}

function storedOf(answer: unknown): number {
  const { stored } = answer as { stored?: unknown };
  return typeof stored === 'number' ? stored : 0;
}

function numbersOf(ranges: FrameRange[]): number[] {
  return ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at));
}

async function verifyReceipt(
  central: DeviceRoutes,
  run: CollectedRun,
  expectedRunId: string,
  receipt: string,
  signal: AbortSignal,
): Promise<void> {
  const json = await central.open(receipt, COLLECTION_RECEIPT_TYPE, signal);
  const { runId, checksum } = parseCollectionReceipt(json);
  if (runId === expectedRunId && checksum === run.offer.checksum) return;
  throw new RivuletError(
    'ANSWER_MISMATCHED',
    `Central's receipt is not for the rows of run ${expectedRunId}.`,
  );
}

/** Consecutive frames that fit in one body; a single one may be larger. */
function* batches(
  offsets: readonly number[],
  first: number,
  last: number,
): Generator<[number, number], void> {
  for (let start = first; start <= last;) {
    let end = start;
    while (end < last && offsets[end + 2]! - offsets[start]! <= COLLECTION_BATCH_BYTES) end += 1;
    yield [start, end];
    start = end + 1;
  }
}

/** In seconds; undefined for what waiting does not mend. */
function waitFor(error: unknown): number | undefined {
  if (!(error instanceof RivuletError)) return undefined;
  if (!['COLLECTION_BUSY', 'COLLECTION_CHUNKS_MISSING', 'SERVER_BUSY'].includes(error.code)) return undefined;
  const seconds = error.retryAfterSeconds ?? 1;
  return seconds <= WAIT_MAX_SECONDS ? seconds : undefined;
}
