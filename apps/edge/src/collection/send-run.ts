import { setTimeout as sleep } from 'node:timers/promises';
import { RivuletError } from '@rivulet/errors';
import {
  COLLECTION_BATCH_BYTES,
  COLLECTION_RECEIPT_TYPE,
  FRAMES_CONTENT_TYPE,
  parseCollectionDemand,
  parseCollectionReceipt,
  parseFrameRanges,
} from '@rivulet/protocol';
import type { DeviceRoutes } from '../hub/device-routes';
import type { CollectedRows, CollectedRun } from './collected-rows';

/** Tries while central says that it is busy, or that chunks are missing that were there. */
const TRIES_MAX = 100;
/** A longer wait than this is left to a person. */
const WAIT_MAX_SECONDS = 60;

/**
 * Offers the rows of a run to central, sends the chunks that it lacks, and has them committed. Everything may be repeated:
 * after a broken connection the next call sends what is still missing.
 *
 * @returns when the receipt is there and is central's
 * @throws RivuletError with central's own code, or CENTRAL_UNREACHABLE, ANSWER_MISMATCHED
 */
export async function sendRun(
  central: DeviceRoutes,
  rows: CollectedRows,
  run: CollectedRun,
  signal: AbortSignal,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const receipt = (await offerAll(central, rows, run, signal)) ?? (await commit(central, run, signal));
      await verifyReceipt(central, run, receipt);
      return;
    } catch (error) {
      const seconds = waitFor(error);
      if (seconds === undefined || tries >= TRIES_MAX) throw error;
      await sleep(seconds * 1_000 * (1 + Math.random()), undefined, { signal });
    }
  }
}

/** @returns the receipt, if the rows are committed already */
async function offerAll(
  central: DeviceRoutes,
  rows: CollectedRows,
  run: CollectedRun,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = `collection/runs/${run.runId}`;
  for (;;) {
    const { missing, receipt } = parseCollectionDemand(
      await central.post(`${path}/offer`, run.offer, signal),
    );
    if (receipt !== undefined || missing === '') return receipt;
    for (const { first, last } of parseFrameRanges(missing, run.offsets.length - 1)) {
      for (const [start, end] of batches(run.offsets, first, last)) {
        const body = await rows.frames(run, start, end);
        await central.post(`${path}/chunks`, body, signal, FRAMES_CONTENT_TYPE);
      }
    }
  }
}

async function commit(central: DeviceRoutes, { runId }: CollectedRun, signal: AbortSignal): Promise<string> {
  const answer = await central.post(`collection/runs/${runId}/commit`, {}, signal);
  return parseCollectionDemand({ missing: '', ...(answer as object) }).receipt ?? '';
}

async function verifyReceipt(central: DeviceRoutes, run: CollectedRun, receipt: string): Promise<void> {
  const { runId, checksum } = parseCollectionReceipt(await central.open(receipt, COLLECTION_RECEIPT_TYPE));
  if (runId === run.runId && checksum === run.offer.checksum) return;
  throw new RivuletError('ANSWER_MISMATCHED', `Central's receipt is not for the rows of run ${run.runId}.`);
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
