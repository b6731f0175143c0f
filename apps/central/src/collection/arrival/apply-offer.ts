import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { applyMirrors, inTransaction, withClient } from '@rivulet/postgres';
import { compareChunkLists, type ChunkSpan } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { CollectionDatabase } from '../collection-database';
import { CollectionEnv } from '../collection.env';
import { CollectionMetrics } from '../collection.metrics';
import { DueRuns } from '../runs/due-runs';
import { RunSettler } from '../runs/run-settler';
import type { ActiveTask } from '../runs/task-queue';
import { ArrivedChunks } from './arrived-chunks';
import { readPosition, writePosition, type Position } from './positions';
import { readBack, requireOffered } from './read-back';
import { Receipts } from './receipts';
import { requireBeginning, requireTarget } from './require-target';
import type { CheckedOffer } from './read-offer';
import { prepareTarget, type Target } from './target-table';
import { highestWatermark } from './watermark';
import { writeRows, type ArrivedRows } from './write-rows';

/** How long one apply waits for another of the same network and schema. */
const LOCK_TIMEOUT_MS = 10_000;

/** Writes what a network has offered and sent: in one transaction, read back before the commit, once for a run and network. */
@Injectable()
export class ApplyOffer {
  constructor(
    private readonly database: CollectionDatabase,
    private readonly chunks: ArrivedChunks,
    private readonly receipts: Receipts,
    private readonly env: CollectionEnv,
    private readonly settler: RunSettler,
    private readonly due: DueRuns,
    private readonly metrics: CollectionMetrics,
  ) {}

  /**
   * @returns the signed receipt
   * @throws RivuletError COLLECTION_CHUNKS_MISSING · COLLECTION_TARGET_UNFIT · COLLECTION_OFFER_INVALID ·
   *   COLLECTION_UNPROVED · COLLECTION_RUN_OVER · COLLECTION_TARGET_CHANGED
   */
  async apply(task: ActiveTask, offer: CheckedOffer): Promise<string> {
    const { order } = task;
    const target = await prepareTarget(this.database, {
      ...order,
      schemaId: task.schemaId,
      columns: offer.columns,
    });
    const endTimer = this.metrics.applySeconds.startTimer({ mode: order.mode });
    const options = applyMirrors(this.env.applyTimeoutMs, LOCK_TIMEOUT_MS);
    const receipt = await withClient(this.database.pool, (client) =>
      inTransaction(client, options, () => this.write(client, task, offer, target)),
    ).catch((error: unknown) => this.forgetChunks(task, error));
    endTimer();
    await this.settler.settle(task.runId);
    this.metrics.rows.inc({ mode: order.mode }, offer.rows);
    this.metrics.tasks.inc({ result: 'succeeded' });
    this.due.noticed();
    return receipt;
  }

  /**
   * Somebody has changed rows of a mirror: its list of chunks is not that of its rows. Without the list the network sends
   * everything, and if that reads back differently, too, nothing but a person helps.
   */
  private async forgetChunks({ schemaId, deviceId }: ActiveTask, error: unknown): Promise<never> {
    if (!(error instanceof RivuletError) || error.code !== 'COLLECTION_UNPROVED') throw error;
    const forgotten = await this.database.rows(
      `UPDATE rivulet.collection_positions SET chunks = NULL, checksum = NULL, fingerprint = NULL
       WHERE schema_id = $1 AND device_id = $2 AND chunks IS NOT NULL RETURNING schema_id`,
      [schemaId, deviceId],
    );
    if (forgotten.length === 0) throw error;
    throw new RivuletError(
      'COLLECTION_CHUNKS_MISSING',
      'Rows of the target table were changed by others, so all rows are needed.',
      { cause: error, retryAfterSeconds: 1 },
    );
  }

  private async write(
    client: ClientBase,
    task: ActiveTask,
    offer: CheckedOffer,
    target: Target,
  ): Promise<string> {
    const { runId, deviceId, schemaId, order } = task;
    // Two runs of one schema do not write the rows of one network at once.
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended('rivulet collected ' || $1, 0))", [
      `${schemaId} ${deviceId}`,
    ]);
    const position = await readPosition(client, schemaId, deviceId);
    requireBeginning(task, position);
    const { rows, positions } = await this.arrange(task, offer, position);
    const writtenBy = await writeRows(client, target, {
      ...rows,
      content: this.chunks.content(runId, deviceId, positions),
    });
    const found = await readBack(client, target, { ...rows, content: nothing() }, writtenBy);
    requireOffered(found, offer, order.targetTable);
    const column = order.watermarkColumn;
    const before = position.watermark;
    const watermark =
      column === null
        ? null
        : await highestWatermark(client, target, column, { networkId: deviceId, writtenBy, before });
    const chunks = order.mode === 'mirror' ? found : [];
    await writePosition(client, task, { fingerprint: offer.fingerprint, chunks, watermark });
    return this.finish(client, task, offer);
  }

  /** The chunks to write. For a mirror: those that differ from the target's. */
  private async arrange(
    { runId, deviceId, order, collectedAt }: ActiveTask,
    offer: CheckedOffer,
    position: Position,
  ): Promise<{ rows: Omit<ArrivedRows, 'content'>; positions: number[] }> {
    const base = baseOf(order.mode, offer, position);
    const spans = compareChunkLists(
      base.map(({ digest }) => digest.toString('hex')),
      offer.list,
    );
    const positions = newPositions(spans);
    const arrived = await this.chunks.positions(runId, deviceId, offer.list);
    if (positions.some((number) => !arrived.has(number)))
      throw new RivuletError('COLLECTION_CHUNKS_MISSING', 'Chunks of the offer have not arrived.', {
        retryAfterSeconds: 1,
      });
    return { rows: { networkId: deviceId, runId, collectedAt, base, spans }, positions };
  }

  /** Last: a run that was cancelled meanwhile has ended the task, which rolls everything back. Waits for no other network. */
  private async finish(client: ClientBase, task: ActiveTask, offer: CheckedOffer): Promise<string> {
    const { runId, deviceId, order } = task;
    const receipt = await this.receipts.sign({
      runId,
      deviceId,
      name: order.name,
      checksum: offer.checksum,
      rows: offer.rows,
      bytes: offer.bytes,
      committedAt: new Date().toISOString(),
    });
    await requireTarget(client, task);
    const { rowCount } = await client.query(
      `UPDATE rivulet.collection_tasks SET state = 'succeeded', lease_until = NULL, receipt = $3, rows = $4, bytes = $5,
         digest = $6, offer = NULL, finished_at = clock_timestamp()
       WHERE run_id = $1 AND device_id = $2 AND state = 'active'`,
      [runId, deviceId, receipt, offer.rows, offer.bytes, offer.checksum],
    );
    if (rowCount === 0)
      throw new RivuletError('COLLECTION_RUN_OVER', `Run ${runId} ended while its rows were written.`);
    await client.query('DELETE FROM rivulet.collection_chunks WHERE run_id = $1 AND device_id = $2', [
      runId,
      deviceId,
    ]);
    return receipt;
  }
}

/** Rows of other columns have nothing in common with those of before. */
export function baseOf(mode: string, offer: CheckedOffer, position: Position): Position['chunks'] {
  return mode === 'mirror' && position.fingerprint === offer.fingerprint ? position.chunks : [];
}

/** The positions in the offer of the chunks that replace others. */
export function newPositions(spans: readonly ChunkSpan[]): number[] {
  return spans.flatMap(({ newPosition, newCount }) =>
    Array.from({ length: newCount }, (_, index) => newPosition + index),
  );
}

async function* nothing(): AsyncGenerator<Buffer, void> {}
