import type { Mirror } from '@rivulet/mirror';
import {
  inTransaction,
  hasSqlState,
  sqlState,
  useCanonicalSettings,
  type TransactionOptions,
} from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import type { ClientBase, PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import { EdgeSyncTable } from '../state/edge-sync-table.entity';
import type { StateSession } from '../state/sync-state';
import type { SyncProgress } from '../state/sync-progress';
import { inspectMirror, type MirrorInspection } from '../mirrors/inspect-mirror';

/** Attempts to read a mirror that a cycle is loading. Each waits for the end of the cycle. */
const ATTEMPTS = 5;

export interface ReadMirrorsSettings {
  database: DataSource;
  limits: TransactionOptions;
  /** Waits until no cycle of this process is running. */
  settled: () => Promise<void>;
}

/**
 * Inspects every recorded mirror, on a connection of its own and without the lease of a sync: a mirror and its record are
 * written in one transaction, so any snapshot of the database has both. Each mirror is read in its own transaction, so
 * that no mirror stays locked while the others are read.
 *
 * @throws RivuletError MIRROR_BUSY · CHECKSUM_MISMATCH when a row cannot be a dataset's · the signal's reason
 */
export async function readMirrors(
  settings: ReadMirrorsSettings,
  progress: SyncProgress,
  signal: AbortSignal,
): Promise<MirrorInspection[]> {
  const runner = settings.database.createQueryRunner();
  try {
    const client = (await runner.connect()) as PoolClient;
    const session = { client, manager: runner.manager };
    const recorded = await runner.manager.find(EdgeSyncTable, { order: { name: 'ASC' } });
    progress.rowsTotal = recorded.reduce((sum, { rows }) => sum + rows, 0);
    const inspections: MirrorInspection[] = [];
    for (const { name } of recorded) {
      const inspection = await readPatiently(session, name, settings, progress, signal);
      if (inspection !== undefined) inspections.push(inspection);
    }
    return inspections;
  } finally {
    await runner.release();
  }
}

/** Undefined when the mirror has no record any more. */
async function readPatiently(
  session: StateSession,
  name: string,
  { limits, settled }: ReadMirrorsSettings,
  progress: SyncProgress,
  signal: AbortSignal,
): Promise<MirrorInspection | undefined> {
  const rowsBefore = progress.rowsDone;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    signal.throwIfAborted();
    progress.rowsDone = rowsBefore;
    try {
      return await readMirror(session, name, limits, (rows) => {
        progress.rowsDone += rows;
        signal.throwIfAborted();
      });
    } catch (error) {
      if (!isBeingReplaced(error)) throw error;
      await settled();
    }
  }
  throw new RivuletError('MIRROR_BUSY', `The mirror of ${name} stays locked, or keeps being replaced.`);
}

async function readMirror(
  session: StateSession,
  name: string,
  limits: TransactionOptions,
  onProgress: (rows: number) => void,
): Promise<MirrorInspection | undefined> {
  const { client, manager } = session;
  const options = { ...limits, isolation: 'REPEATABLE READ', readOnly: true } as const;
  return inTransaction(client, options, async () => {
    await useCanonicalSettings(client);
    const recorded = await manager.findOneBy(EdgeSyncTable, { name });
    if (recorded === null) return undefined;
    return inspectMirror(client, recorded, onProgress, (mirror) => lockUnreplaced(client, mirror));
  });
}

/** The mirror has been emptied, moved or dropped since the snapshot was taken. */
class MirrorReplaced extends Error {}

/**
 * Locks the mirror against being emptied, moved or dropped, and checks that this has not happened since the snapshot was
 * taken: TRUNCATE and DROP do not keep the rows that older snapshots see. Each gives the name a different file. The
 * catalogue is read as of the snapshot, while the two functions look at the present.
 */
async function lockUnreplaced(client: ClientBase, { place, qualifiedName }: Mirror): Promise<void> {
  await client.query(`LOCK TABLE ${qualifiedName} IN ACCESS SHARE MODE`);
  const { rowCount } = await client.query(
    `SELECT FROM pg_class JOIN pg_namespace namespace ON namespace.oid = relnamespace
     WHERE pg_class.oid = to_regclass($1) AND relfilenode = pg_relation_filenode(pg_class.oid)
       AND nspname = $2 AND relname = $3`,
    [qualifiedName, place.schema, place.table],
  );
  if (rowCount !== 1) throw new MirrorReplaced(qualifiedName);
}

function isBeingReplaced(error: unknown): boolean {
  if (error instanceof MirrorReplaced) return true;
  return hasSqlState(error, sqlState.lockNotAvailable, sqlState.undefinedTable);
}
