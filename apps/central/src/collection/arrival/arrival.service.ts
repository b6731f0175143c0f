import { Injectable, Logger } from '@nestjs/common';
import { isErrorCode, RivuletError, type ErrorCode } from '@rivulet/errors';
import {
  compareChunkLists,
  FRAME_RANGES_MAX_LENGTH,
  freeMemory,
  formatFrameRanges,
  toFrameRanges,
  type CollectionDemand,
  type FrameRange,
} from '@rivulet/protocol';
import { CollectionDatabase } from '../collection-database';
import { CollectionEnv } from '../collection.env';
import { CollectionMetrics } from '../collection.metrics';
import type { TaskFailure } from '../runs/fail-task';
import { requireActive, TaskQueue, type ActiveTask, type StoredOffer } from '../runs/task-queue';
import { Admission } from './admission';
import { ApplyOffer, baseOf, newPositions } from './apply-offer';
import { ArrivedChunks } from './arrived-chunks';
import { expandOffer, type OfferedRows } from './expand-offer';
import { readPosition, type Position } from './positions';
import { Quotas } from './quotas';
import { readFrames } from './read-frames';
import { checkOffer, type CheckedOffer } from './read-offer';
import { rebuildChunks } from './rebuild-chunks';
import { Receipts } from './receipts';
import { requireTarget } from './require-target';
import { prepareTarget } from './target-table';

/** Bodies of chunks that one central stores at once. */
const BATCHES_AT_ONCE = 8;

/** Only a change of the schema, the network or the target mends these, so the network is held in its job. */
const HOLDING = new Set<ErrorCode>([
  'COLLECTION_TARGET_UNFIT',
  'COLLECTION_OFFER_INVALID',
  'COLLECTION_UNPROVED',
]);

/** No more of the rows of a run is wanted. */
const ENDING = new Set<ErrorCode>([...HOLDING, 'COLLECTION_TARGET_CHANGED']);

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
    private readonly receipts: Receipts,
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
   *   COLLECTION_BASE_CHANGED · COLLECTION_TARGET_UNFIT · COLLECTION_QUOTA_EXCEEDED
   */
  async offer(runId: string, deviceId: string, offered: OfferedRows): Promise<CollectionDemand> {
    const task = await this.queue.find(runId, deviceId);
    if (task.receipt !== null)
      return { missing: '', missingChunks: 0, receipt: await this.receipts.renew(task.receipt) };
    const active = requireActive(task);
    return this.orEnded(active, async () => {
      const position = await readPosition(this.database.pool, active.schemaId, deviceId);
      const offer = checkOffer(expandOffer(offered, position), active.order);
      await this.noteOffer(active, offer, offered.digests.length + (offered.spans ?? '').length);
      const missing = await this.missing(active, offer, position);
      // Rows sent before the quota was used up are committed all the same.
      if (missing.length > 0) await this.quotas.check(deviceId);
      return { missing: formatRanges(missing), missingChunks: missing.length };
    });
  }

  /**
   * Stores chunks of an offer, each checked against its digest: sent as a whole, or as edits of those that are committed.
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
      const { chunks, edits } = readFrames(body, offer);
      const { chunks: rebuilt, wastedBytes } = await rebuildChunks(this.database, task, offer, edits);
      await this.chunks.add(runId, deviceId, [...chunks, ...rebuilt]);
      const rows =
        chunks.reduce((sum, { header }) => sum + header.rows, 0) +
        edits.flatMap((edit) => edit.edits).reduce((sum, edit) => sum + edit.rows.length, 0);
      await this.quotas.addChunks({
        runId,
        deviceId,
        rows,
        bytes: body.length + wastedBytes,
        sentBytes: body.length,
      });
      this.metrics.receivedBytes.inc(body.length);
      this.metrics.chunks.inc({ source: 'sent' }, chunks.length);
      this.metrics.chunks.inc({ source: 'rebuilt' }, rebuilt.length);
      this.metrics.chunks.inc({ source: 'misfit' }, edits.length - rebuilt.length);
      freeMemory(body);
      return { stored: chunks.length + rebuilt.length };
    });
  }

  /**
   * Applies the offer, or says that it was applied.
   *
   * @throws RivuletError what ApplyOffer.apply throws · COLLECTION_RUN_UNKNOWN · COLLECTION_BUSY
   */
  async commit(runId: string, deviceId: string): Promise<{ receipt: string }> {
    const found = await this.queue.find(runId, deviceId);
    if (found.receipt !== null) return { receipt: await this.receipts.renew(found.receipt) };
    const task = requireActive(found);
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
      await this.noteOffer(task, offer, 0);
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
      this.orEnded(task, async () => {
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

  private async noteOffer(task: ActiveTask, offer: CheckedOffer, sentBytes: number): Promise<void> {
    const { runId, deviceId, order, schemaId } = task;
    const { columns, rows, bytes, digests, checksum } = offer;
    await requireTarget(this.database.pool, task);
    await prepareTarget(this.database, { ...order, schemaId, columns });
    await this.queue.noteOffer(runId, deviceId, { columns, rows, bytes, digests, checksum }, sentBytes);
  }

  /** A change that cannot be carried ends this network's task, whatever else it would send. */
  private async orEnded<T>(task: ActiveTask, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof RivuletError && ENDING.has(error.code)) await this.end(task, error);
      throw error;
    }
  }

  private async end(
    { runId, deviceId }: ActiveTask,
    { code, message, nextStep }: RivuletError,
  ): Promise<void> {
    const failure: TaskFailure = { code, message, nextStep };
    await this.queue.fail(runId, deviceId, failure, HOLDING.has(code));
    this.logger.warn({ runId, deviceId, code }, `The rows of a network were not collected: ${message}`);
  }

  private async missing(
    { runId, deviceId, order }: ActiveTask,
    offer: CheckedOffer,
    position: Position,
  ): Promise<number[]> {
    const base = baseOf(order.mode, offer, position);
    const spans = compareChunkLists(
      base.map(({ digest }) => digest.toString('hex')),
      offer.list,
    );
    const wanted = newPositions(spans);
    this.metrics.chunks.inc({ source: 'known' }, offer.list.length - wanted.length);
    const arrived = await this.chunks.positions(runId, deviceId, offer.list);
    return wanted.filter((number) => !arrived.has(number));
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
