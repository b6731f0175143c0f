import { mirrorFingerprint } from '@rivulet/mirror';
import type { Acknowledgement, HeldTable, Manifest, ManifestPosition } from '@rivulet/protocol';
import type { PoolClient } from 'pg';
import { IsNull, Not, type DataSource, type EntityManager } from 'typeorm';
import type { SyncResult } from '../sync/sync-result';
import { EdgeSyncLog } from './edge-sync-log.entity';
import { EdgeSyncState } from './edge-sync-state.entity';
import { EdgeSyncTable } from './edge-sync-table.entity';

/** Rows of the log that are kept. Counted, not aged: an edge's clock may be wrong by decades. */
const LOG_ROWS_KEPT = 5_000;

/** A mirror that may be kept. */
export interface HeldMirror extends HeldTable {
  /** The table's name, which central is not told. */
  table: string;
}

/** The only writer of what has been applied, and of the log. */
export class SyncState {
  constructor(private readonly database: DataSource) {}

  async read(): Promise<EdgeSyncState | null> {
    return this.database.manager.findOneBy(EdgeSyncState, { singleton: true });
  }

  async tables(): Promise<EdgeSyncTable[]> {
    return this.database.manager.find(EdgeSyncTable, { order: { name: 'ASC' } });
  }

  /** The mirrors that are what the state says, as far as the catalogue shows: there, and with the same columns. */
  async heldTables(client: PoolClient): Promise<HeldMirror[]> {
    const held: HeldMirror[] = [];
    for (const { name, table, fingerprint, checksum } of await this.tables()) {
      if ((await mirrorFingerprint(client, { name, table })) === fingerprint)
        held.push({ name, table, fingerprint, checksum });
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

  /** Enters an applied manifest: the new state, what each table holds, and the log row, in the given transaction. */
  async recordApplied(
    manager: EntityManager,
    manifest: Manifest,
    signedBy: string,
    result: SyncResult,
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
    const written = manifest.tables.filter((_, index) => result.tables[index]!.action !== 'unchanged');
    for (const { name, table, fingerprint, checksum, rows, bytes } of written) {
      const row = { name, table, fingerprint, checksum, rows, bytes, manifestId, loadedAt: appliedAt };
      await manager.upsert(EdgeSyncTable, row, ['name']);
    }
    const names = manifest.tables.map((table) => table.name);
    await manager.query('DELETE FROM rivulet.edge_sync_tables WHERE name <> ALL ($1)', [names]);
    await this.appendLog(manager, result);
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
