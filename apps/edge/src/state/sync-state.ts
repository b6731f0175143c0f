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
import { IsNull, Not, type DataSource, type EntityManager } from 'typeorm';
import type { SyncResult } from '../sync/sync-result';
import { EdgeSyncLog } from './edge-sync-log.entity';
import { EdgeSyncState } from './edge-sync-state.entity';
import { EdgeSyncTable } from './edge-sync-table.entity';
import { readChunkDigests, writeChunks } from './mirror-chunks';

/** Rows of the log that are kept. Counted, not aged: an edge's clock may be wrong by decades. */
const LOG_ROWS_KEPT = 5_000;

/** Where mirrors are and how they are treated can change without their rows. */
const updateOptions = `
  UPDATE rivulet.edge_sync_tables recorded
  SET schema_name = described.schema, table_name = described."table", grants = described.grants,
      on_remove = described."onRemove"
  FROM json_to_recordset($1) AS described (name text, schema text, "table" text, grants jsonb, "onRemove" text)
  WHERE recorded.name = described.name
    AND (schema_name, table_name, recorded.grants, on_remove)
      IS DISTINCT FROM (described.schema, described."table", described.grants, described."onRemove")`;

/** A connection, in two forms. */
export interface StateSession {
  client: PoolClient;
  manager: EntityManager;
}

/** What a mirror has been made to hold. */
export interface WrittenMirror {
  table: ManifestTable;
  /** The chunks that it was recorded to have; empty when none of them count any more. */
  recorded: ChunkSummary[];
  chunks: ChunkSummary[];
}

/** The only writer of what has been applied, and of the log. */
export class SyncState {
  constructor(private readonly database: DataSource) {}

  async read(): Promise<EdgeSyncState | null> {
    return this.database.manager.findOneBy(EdgeSyncState, { singleton: true });
  }

  async tables(manager = this.database.manager): Promise<EdgeSyncTable[]> {
    return manager.find(EdgeSyncTable, { order: { name: 'ASC' } });
  }

  /**
   * The mirrors that are what the state says, as far as can be told without reading them: they are there, with the
   * same columns, and their recorded chunks make up their checksum.
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

  /** The position applied last, locked until the transaction ends, so that it cannot move under the caller. */
  async lockPosition(manager: EntityManager): Promise<ManifestPosition | null> {
    const [row] = await manager.query<{ epoch: number; sequence: string }[]>(
      'SELECT epoch, sequence FROM rivulet.edge_sync_state FOR UPDATE',
    );
    return row === undefined ? null : { epoch: row.epoch, sequence: Number(row.sequence) };
  }

  /** Enters an applied manifest: the new state, what each table holds, and the log row, in the open transaction. */
  async recordApplied(
    { client, manager }: StateSession,
    manifest: Manifest,
    signedBy: string,
    result: SyncResult,
    written: WrittenMirror[],
  ): Promise<void> {
    const { manifestId, macAddress, epoch, sequence, schemaVersion } = manifest;
    const appliedAt = new Date(result.finishedAt);
    await manager.upsert(
      EdgeSyncState,
      {
        singleton: true,
        macAddress,
        manifestId,
        epoch,
        sequence,
        schemaVersion,
        centralKey: signedBy,
        appliedAt,
      },
      ['singleton'],
    );
    for (const { table: described, recorded, chunks } of written) {
      const { indexes: _indexes, maxDeletedShare: _share, ...table } = described;
      await manager.upsert(EdgeSyncTable, { ...table, manifestId, loadedAt: appliedAt }, ['name']);
      await writeChunks(client, table.name, recorded, chunks);
    }
    await manager.query(updateOptions, [JSON.stringify(manifest.tables)]);
    const names = manifest.tables.map((table) => table.name);
    await manager.query('DELETE FROM rivulet.edge_sync_tables WHERE name <> ALL ($1)', [names]);
    await manager.query('DELETE FROM rivulet.edge_mirror_chunks WHERE name <> ALL ($1)', [names]);
    await this.appendLog(manager, result);
  }

  /**
   * Enters what a mirror was found to hold, in the open transaction. False when the state no longer says of it what
   * the finding was compared with: then a cycle has written the mirror since.
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

  /** Enters a cycle that applied nothing. */
  async recordCycle(result: SyncResult): Promise<void> {
    await this.appendLog(this.database.manager, result);
  }

  /** Reports that central has not confirmed, oldest first. */
  async unacknowledged(): Promise<Acknowledgement[]> {
    const entries = await this.database.manager.find(EdgeSyncLog, {
      where: { status: 'applied', acknowledgedAt: IsNull() },
      order: { id: 'ASC' },
    });
    return entries.map(toAcknowledgement);
  }

  async markAcknowledged(cycleId: string, acknowledgedAt: Date): Promise<void> {
    await this.database.manager.update(EdgeSyncLog, { cycleId }, { acknowledgedAt });
  }

  /** When the mirrors were last known to be what central has: the end of the last cycle that did not fail. */
  async lastConfirmedAt(): Promise<Date | null> {
    const last = await this.database.manager.findOne(EdgeSyncLog, {
      where: { status: Not('failed') },
      order: { id: 'DESC' },
    });
    // After thousands of failures the log no longer goes back to it.
    return last?.finishedAt ?? (await this.read())?.appliedAt ?? null;
  }

  /** Finished cycles, the latest first. */
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
