import { Injectable, Logger } from '@nestjs/common';
import { isErrorCode, RivuletError, type ErrorCode } from '@rivulet/errors';
import {
  compareChunkLists,
  decodeFrame,
  FRAME_RANGES_MAX_LENGTH,
  FrameDecoder,
  formatFrameRanges,
  COLLECTION_ROW_MAX_BYTES,
  toFrameRanges,
  type CollectionDemand,
  type Frame,
  type FrameRange,
} from '@rivulet/protocol';
import { CollectionDatabase } from '../collection-database';
import { CollectionEnv } from '../collection.env';
import { CollectionMetrics } from '../collection.metrics';
import type { TaskFailure } from '../runs/settle-run';
import { TaskQueue, type ActiveTask, type StoredOffer } from '../runs/task-queue';
import { Admission } from './admission';
import { ApplyOffer, baseOf, newPositions } from './apply-offer';
import { ArrivedChunks } from './arrived-chunks';
import { readPosition } from './positions';
import { Quotas } from './quotas';
import { checkOffer, type CheckedOffer } from './read-offer';
import { prepareTarget } from './target-table';

/** Bodies of chunks that one central stores at once. */
const BATCHES_AT_ONCE = 8;

/** Only a change of the schema, the network or the target mends these, so the network is held in its job. */
const HOLDING = new Set<ErrorCode>([
  'COLLECTION_TARGET_UNFIT',
  'COLLECTION_OFFER_INVALID',
  'COLLECTION_UNPROVED',
]);

/** The failures that a network may report. Anything else counts as a failure of the query. */
const REPORTABLE = new Set<ErrorCode>([
  'COLLECTION_NOT_ALLOWED',
  'COLLECTION_QUERY_FAILED',
  'COLLECTION_OFFER_INVALID',
  'COLLECTION_QUOTA_EXCEEDED',
  'DATASET_KEY_NULL',
  'DATASET_KEY_NOT_UNIQUE',
  'ROW_TOO_LARGE',
  'DATABASE_UNAVAILABLE',
  'DISK_FULL',
]);

/** Takes in what networks send for their tasks. */
@Injectable()
export class ArrivalService {
  private readonly logger = new Logger('Collection');
  private readonly batches: Admission;
  private readonly applies: Admission;

  constructor(
    private readonly database: CollectionDatabase,
    private readonly queue: TaskQueue,
    private readonly chunks: ArrivedChunks,
    private readonly applying: ApplyOffer,
    private readonly quotas: Quotas,
    private readonly metrics: CollectionMetrics,
    env: CollectionEnv,
  ) {
    this.batches = new Admission(BATCHES_AT_ONCE, metrics);
    this.applies = new Admission(env.applies, metrics);
  }

  /**
   * Notes what a network has, and says what of it is missing here.
   *
   * @throws RivuletError COLLECTION_RUN_UNKNOWN · COLLECTION_RUN_OVER · COLLECTION_OFFER_INVALID ·
   *   COLLECTION_TARGET_UNFIT · COLLECTION_QUOTA_EXCEEDED
   */
  async offer(runId: string, deviceId: string, offered: StoredOffer): Promise<CollectionDemand> {
    const task = await this.queue.find(runId, deviceId);
    if (task.receipt !== null) return { missing: '', receipt: task.receipt };
    const active = await this.queue.findActive(runId, deviceId);
    return this.orHeld(active, async () => {
      const offer = checkOffer(offered, active.order);
      await this.noteOffer(active, offer);
      const missing = await this.missing(active, offer);
      // Rows sent before the quota was used up are committed all the same.
      if (missing.length > 0) await this.quotas.check(deviceId);
      return { missing: formatRanges(missing) };
    });
  }

  /**
   * Stores chunks of an offer, each checked against its digest.
   *
   * @param body - whole frames
   * @throws RivuletError COLLECTION_RUN_UNKNOWN · COLLECTION_RUN_OVER · COLLECTION_OFFER_INVALID ·
   *   COLLECTION_QUOTA_EXCEEDED · COLLECTION_BUSY
   */
  async take(runId: string, deviceId: string, body: Buffer): Promise<{ stored: number }> {
    const task = await this.queue.findActive(runId, deviceId);
    const offer = offerOf(task);
    await this.quotas.check(deviceId);
    return this.batches.run(deviceId, async () => {
      const frames = readFrames(body, offer);
      await this.chunks.add(runId, deviceId, frames);
      const bytes = frames.reduce((sum, { header }) => sum + header.blockBytes, 0);
      await this.quotas.add(
        deviceId,
        frames.reduce((sum, { header }) => sum + header.rows, 0),
        bytes,
      );
      await this.database.rows(
        'UPDATE rivulet.collection_tasks SET sent_bytes = sent_bytes + $3 WHERE run_id = $1 AND device_id = $2',
        [runId, deviceId, bytes],
      );
      this.metrics.receivedBytes.inc(body.length);
      this.metrics.chunks.inc({ source: 'sent' }, frames.length);
      return { stored: frames.length };
    });
  }

  /**
   * Applies the offer, or says that it was applied.
   *
   * @throws RivuletError what ApplyOffer.apply throws · COLLECTION_RUN_UNKNOWN · COLLECTION_BUSY
   */
  async commit(runId: string, deviceId: string): Promise<{ receipt: string }> {
    const found = await this.queue.find(runId, deviceId);
    if (found.receipt !== null) return { receipt: found.receipt };
    const task = await this.queue.findActive(runId, deviceId);
    const receipt = await this.applyOnce(task, async () => checkOffer(offerOf(task), task.order));
    return { receipt };
  }

  /**
   * Applies rows that an agent has sent.
   *
   * @param stage - makes an offer of them, whose chunks it stores
   * @throws RivuletError what `stage` and ApplyOffer.apply throw · COLLECTION_BUSY
   */
  async commitStaged(task: ActiveTask, stage: () => Promise<StoredOffer>): Promise<void> {
    await this.applyOnce(task, async () => {
      const offer = checkOffer(await stage(), task.order);
      await this.noteOffer(task, offer);
      return offer;
    });
  }

  /** A network says that it cannot do its task. */
  async fail(runId: string, deviceId: string, code: string, message: string): Promise<void> {
    await this.queue.findActive(runId, deviceId);
    const known = isErrorCode(code) && REPORTABLE.has(code) ? code : 'COLLECTION_QUERY_FAILED';
    await this.queue.fail(runId, deviceId, { code: known, message }, HOLDING.has(known));
    this.logger.warn(
      { runId, deviceId, code: known },
      `A network could not collect: ${message.slice(0, 500)}`,
    );
  }

  private async applyOnce(task: ActiveTask, offerOfTask: () => Promise<CheckedOffer>): Promise<string> {
    const { runId, deviceId } = task;
    return this.applies.run(deviceId, () =>
      this.orHeld(task, async () => {
        // While it is written, the network is not silent.
        const renewing = setInterval(
          () => void this.queue.find(runId, deviceId).catch(() => undefined),
          20_000,
        );
        try {
          return await this.applying.apply(task, await offerOfTask());
        } finally {
          clearInterval(renewing);
        }
      }),
    );
  }

  private async noteOffer(
    { runId, deviceId, order, schemaId }: ActiveTask,
    offer: CheckedOffer,
  ): Promise<void> {
    const { columns, rows, bytes, digests, checksum } = offer;
    await prepareTarget(this.database, { ...order, schemaId, columns });
    await this.queue.noteOffer(runId, deviceId, { columns, rows, bytes, digests, checksum });
  }

  /** A change that cannot be carried ends this network's task, whatever else it would send. */
  private async orHeld<T>(task: ActiveTask, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof RivuletError && HOLDING.has(error.code)) await this.end(task, error);
      throw error;
    }
  }

  private async end(
    { runId, deviceId }: ActiveTask,
    { code, message, nextStep }: RivuletError,
  ): Promise<void> {
    const failure: TaskFailure = { code, message, nextStep };
    await this.queue.fail(runId, deviceId, failure, true);
    this.logger.warn({ runId, deviceId, code }, `The rows of a network were not collected: ${message}`);
  }

  private async missing(task: ActiveTask, offer: CheckedOffer): Promise<number[]> {
    const { runId, deviceId, schemaId, order } = task;
    const base = baseOf(order.mode, offer, await readPosition(this.database.pool, schemaId, deviceId));
    const spans = compareChunkLists(
      base.map(({ digest }) => digest.toString('hex')),
      offer.list,
    );
    const wanted = newPositions(spans);
    this.metrics.chunks.inc({ source: 'known' }, offer.list.length - wanted.length);
    const arrived = await this.chunks.positions(runId, deviceId, offer.list);
    return wanted.filter((position) => !arrived.has(position));
  }
}

function offerOf({ offer, runId }: ActiveTask): StoredOffer {
  if (offer !== null) return offer;
  throw new RivuletError('COLLECTION_CHUNKS_MISSING', `Nothing was offered for run ${runId} yet.`, {
    retryAfterSeconds: 1,
  });
}

/** As many as an answer may have; the network asks again for the rest. */
function formatRanges(numbers: number[]): string {
  const ranges: FrameRange[] = [];
  let length = 0;
  for (const range of toFrameRanges(numbers)) {
    length += `${range.first}-${range.last},`.length;
    if (length > FRAME_RANGES_MAX_LENGTH) break;
    ranges.push(range);
  }
  return formatFrameRanges(ranges);
}

function readFrames(body: Buffer, { digests }: StoredOffer): Frame[] {
  const decoder = new FrameDecoder(COLLECTION_ROW_MAX_BYTES);
  const frames = refusable(() => decoder.push(body));
  if (decoder.pendingBytes > 0) throw invalid('the body ends within a frame');
  const known = Buffer.from(digests, 'base64');
  for (const frame of frames) {
    const { kind, number, digest } = frame.header;
    const expected = known.subarray(number * 32, (number + 1) * 32);
    if (kind !== 'chunk' || !digest.equals(expected)) throw invalid(`frame ${number} is none of the offer`);
    refusable(() => decodeFrame(frame));
  }
  return frames;
}

function refusable<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RivuletError) throw invalid(error.message);
    throw error;
  }
}

function invalid(reason: string): RivuletError {
  return new RivuletError('COLLECTION_OFFER_INVALID', `The chunks are not valid: ${reason}.`);
}
