import { Injectable } from '@nestjs/common';
import { mirrorFingerprint } from '@rivulet/mirror';
import {
  TableHasher,
  tableChecksum,
  type Acknowledgement,
  type ChunkSummary,
  type Manifest,
  type ManifestPosition,
  type ManifestTable,
} from '@rivulet/protocol';
import type { PoolClient } from 'pg';
import { DataSource, IsNull, Not, type EntityManager } from 'typeorm';
import type { SyncResult } from './sync-result';
import { EdgeSyncLog } from './edge-sync-log.entity';
import { EdgeSyncState } from './edge-sync-state.entity';
import { EdgeSyncTable } from './edge-sync-table.entity';
import { readChunkDigests, writeChunks } from './mirror-chunks';

/** Log rows to keep. A count, not an age: an edge's clock may be wrong by decades. */
const LOG_ROWS_KEPT = 5_000;

/** The place and the options of a mirror can change while its rows do not. */
const updateOptions = `
  UPDATE rivulet.edge_sync_tables recorded
  SET schema_name = described.schema, table_name = described."table", grants = described.grants,
      on_remove = described."onRemove"
  FROM json_to_recordset($1) AS described (name text, schema text, "table" text, grants jsonb, "onRemove" text)
  WHERE recorded.name = described.name
    AND (schema_name, table_name, recorded.grants, on_remove)
      IS DISTINCT FROM (described.schema, described."table", described.grants, described."onRemove")`;

/** One connection, as pg and as TypeORM see it. */
export interface StateSession {
  client: PoolClient;
  manager: EntityManager;
}

/** A mirror whose new content has been written and proved. */
export interface WrittenMirror {
  table: ManifestTable;
  /** The chunks recorded before; empty when none of them is valid any more. */
  recorded: ChunkSummary[];
  chunks: ChunkSummary[];
}

/** The only writer of the applied state and of the sync log. */
@Injectable()
export class SyncState {
  constructor(private readonly database: DataSource) {}

  async read(): Promise<EdgeSyncState | null> {
    return this.database.manager.findOneBy(EdgeSyncState, { singleton: true });
  }

  /** Records that the device has a new address. False when the applied manifest is not one of the former address. */
  async handOver(formerMacAddress: string, macAddress: string): Promise<boolean> {
    const former = { singleton: true, macAddress: formerMacAddress };
    const { affected } = await this.database.manager.update(EdgeSyncState, former, { macAddress });
    return affected === 1 && formerMacAddress !== macAddress;
  }

  async tables(manager = this.database.manager): Promise<EdgeSyncTable[]> {
    return manager.find(EdgeSyncTable, { order: { name: 'ASC' } });
  }

  /**
   * The tables that this device tells central it holds: mirrors that match the state as far as can be told without
   * reading their rows. The table exists with the recorded columns, and the recorded chunks make up the checksum.
   */
  async heldTables(client: PoolClient): Promise<EdgeSyncTable[]> {
    const held: EdgeSyncTable[] = [];
    for (const mirror of await this.tables()) {
      const { name, fingerprint, checksum } = mirror;
      if ((await mirrorFingerprint(client, mirror)) !== fingerprint) continue;
      if (tableChecksum(fingerprint, await readChunkDigests(client, name)) === checksum) held.push(mirror);
    }
    return held;
  }

  /** Runs the work on another connection than that of a lease. */
  async onConnection<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const runner = this.database.createQueryRunner();
    try {
      return await work((await runner.connect()) as PoolClient);
    } finally {
      await runner.release();
    }
  }

  /** The position applied last. Its row stays locked until the transaction ends, so that nobody else can change it. */
  async lockPosition(manager: EntityManager): Promise<ManifestPosition | null> {
    const [row] = await manager.query<{ epoch: number; sequence: string }[]>(
      'SELECT epoch, sequence FROM rivulet.edge_sync_state FOR UPDATE',
    );
    return row === undefined ? null : { epoch: row.epoch, sequence: Number(row.sequence) };
  }

  /** Records an applied manifest in the open transaction: the new state, the content of each mirror, and the log row. */
  async recordApplied(
    session: StateSession,
    manifest: Manifest,
    signedBy: string,
    result: SyncResult,
    written: WrittenMirror[],
  ): Promise<void> {
    const { manager } = session;
    const { manifestId, macAddress, epoch, sequence, schemaVersion } = manifest;
    const appliedAt = new Date(result.finishedAt);
    const position = { macAddress, manifestId, epoch, sequence, schemaVersion };
    const state = { singleton: true, ...position, centralKey: signedBy, appliedAt };
    await manager.upsert(EdgeSyncState, state, ['singleton']);
    for (const mirror of written) await this.recordMirror(session, mirror, manifestId, appliedAt);
    await manager.query(updateOptions, [JSON.stringify(manifest.tables)]);
    const names = manifest.tables.map((table) => table.name);
    await manager.query('DELETE FROM rivulet.edge_sync_tables WHERE name <> ALL ($1)', [names]);
    await manager.query('DELETE FROM rivulet.edge_mirror_chunks WHERE name <> ALL ($1)', [names]);
    await this.appendLog(manager, result);
  }

  private async recordMirror(
    { client, manager }: StateSession,
    { table: described, recorded, chunks }: WrittenMirror,
    manifestId: string,
    loadedAt: Date,
  ): Promise<void> {
    const { indexes: _indexes, maxDeletedShare: _share, ...table } = described;
    await manager.upsert(EdgeSyncTable, { ...table, manifestId, loadedAt }, ['name']);
    await writeChunks(client, table.name, recorded, chunks);
  }

  /**
   * Records, in the open transaction, the content that was found in a mirror. False when the recorded checksum has
   * changed since the mirror was read: a cycle has written it meanwhile.
   */
  async recordFound(
    { client, manager }: StateSession,
    { name, fingerprint, checksum }: EdgeSyncTable,
    chunks: ChunkSummary[],
  ): Promise<boolean> {
    const hasher = new TableHasher(fingerprint);
    for (const chunk of chunks) hasher.add(chunk);
    const { affected } = await manager.update(EdgeSyncTable, { name, checksum }, hasher.finish());
    if (affected !== 1) return false;
    await writeChunks(client, name, [], chunks);
    return true;
  }

  /** Logs a cycle that applied nothing. */
  async recordCycle(result: SyncResult): Promise<void> {
    await this.appendLog(this.database.manager, result);
  }

  /** Reports of applied manifests that central has not confirmed, oldest first. */
  async unacknowledged(): Promise<Acknowledgement[]> {
    const entries = await this.database.manager.find(EdgeSyncLog, {
      where: { status: 'applied', acknowledgedAt: IsNull() },
      order: { id: 'ASC' },
    });
    return entries.map(toAcknowledgement);
  }

  async countUnacknowledged(): Promise<number> {
    return this.database.manager.countBy(EdgeSyncLog, { status: 'applied', acknowledgedAt: IsNull() });
  }

  async markAcknowledged(cycleId: string, acknowledgedAt: Date): Promise<void> {
    await this.database.manager.update(EdgeSyncLog, { cycleId }, { acknowledgedAt });
  }

  /** @returns whether there is a report on an applied manifest that counted as confirmed, and does no longer */
  async reopenReport(manifestId: string): Promise<boolean> {
    const confirmed = { manifestId, status: 'applied', acknowledgedAt: Not(IsNull()) } as const;
    const { affected } = await this.database.manager.update(EdgeSyncLog, confirmed, { acknowledgedAt: null });
    return (affected ?? 0) > 0;
  }

  /** When central was asked for what the mirrors hold: the beginning of the last cycle that did not fail. */
  async lastConfirmedAt(): Promise<Date | null> {
    const last = await this.database.manager.findOne(EdgeSyncLog, {
      where: { status: Not('failed') },
      order: { id: 'DESC' },
    });
    // After thousands of failures the log no longer reaches back that far.
    return last?.startedAt ?? (await this.read())?.appliedAt ?? null;
  }

  /** Finished cycles, latest first. */
  async history(limit: number): Promise<SyncResult[]> {
    const entries = await this.database.manager.find(EdgeSyncLog, { order: { id: 'DESC' }, take: limit });
    return entries.map(toResult);
  }

  private async appendLog(manager: EntityManager, result: SyncResult): Promise<void> {
    const { acknowledged, error, startedAt, finishedAt, ...same } = result;
    await manager.insert(EdgeSyncLog, {
      ...same,
      startedAt: new Date(startedAt),
      finishedAt: new Date(finishedAt),
      error: error ?? null,
      acknowledgedAt: acknowledged ? new Date(finishedAt) : null,
    });
    await manager.query(
      'DELETE FROM rivulet.edge_sync_log WHERE id <= (SELECT max(id) FROM rivulet.edge_sync_log) - $1',
      [LOG_ROWS_KEPT],
    );
  }
}

function toAcknowledgement(entry: EdgeSyncLog): Acknowledgement {
  return {
    manifestId: entry.manifestId!,
    status: 'applied',
    cycleId: entry.cycleId,
    finishedAt: entry.finishedAt.toISOString(),
    durationMs: entry.durations.totalMs,
    tables: entry.tables.map(({ name, rows, checksum }) => ({ name, rows, checksum })),
  };
}

function toResult(entry: EdgeSyncLog): SyncResult {
  const { id: _id, startedAt, finishedAt, error, acknowledgedAt, ...same } = entry;
  return {
    ...same,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
    acknowledged: acknowledgedAt !== null,
    ...(error === null ? {} : { error }),
  };
}
