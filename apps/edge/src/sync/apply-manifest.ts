import { createMissingIndexes, loadMirror, verifyMirror, type LoadedMirror } from '@rivulet/mirror';
import {
  endsSession,
  inTransaction,
  isPostgresError,
  sqlState,
  useCanonicalSettings,
  type TransactionOptions,
} from '@rivulet/postgres';
import {
  isLater,
  RivuletError,
  type Manifest,
  type ManifestPosition,
  type SyncPlan,
  type TablePlan,
} from '@rivulet/protocol';
import type { EntityManager } from 'typeorm';
import type { SpoolFile } from '../spool/spool-file';
import type { SyncState } from '../state/sync-state';
import type { DatabaseLease } from './database-lease';
import type { SyncProgress, TableResult } from './sync-result';

export interface ApplyOrder {
  manifest: Manifest;
  plan: SyncPlan;
  spool: SpoolFile;
  progress: SyncProgress;
  signal: AbortSignal;
}

export interface AppliedTables {
  tables: TableResult[];
  applyMs: number;
  verifyMs: number;
}

/**
 * Makes the mirrors equal to the manifest in one transaction: fills them, reads them back and compares, has
 * `record` write state and log, commits. Whatever goes wrong, nothing has changed.
 *
 * @throws RivuletError MANIFEST_STALE · SCHEMA_UNSUPPORTED · MIRROR_TABLE_CONFLICT · CHECKSUM_MISMATCH ·
 *   FRAME_INVALID · MIRROR_BUSY · DISK_FULL · APPLY_FAILED
 */
export async function applyManifest(
  lease: DatabaseLease,
  state: SyncState,
  order: ApplyOrder,
  limits: TransactionOptions,
  record: (manager: EntityManager, applied: AppliedTables) => Promise<void>,
): Promise<AppliedTables> {
  const { client, manager } = lease;
  try {
    return await inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      // The row stays locked until commit, so this holds against another edge process, too.
      refuseStale(order.manifest, await state.lockPosition(manager));
      const start = performance.now();
      const loaded = await loadTables(lease, order);
      const loadedAt = performance.now();
      await verifyTables(lease, loaded, order);
      const verifiedAt = performance.now();
      const applied = {
        tables: order.manifest.tables.map((table) => toTableResult(table, loaded)),
        applyMs: loadedAt - start,
        verifyMs: verifiedAt - loadedAt,
      };
      await record(manager, applied);
      return applied;
    });
  } catch (error) {
    throw explain(error, lease);
  }
}

/** G2: what is applied is later than all that was applied before. */
export function refuseStale(manifest: Manifest, applied: ManifestPosition | null): void {
  if (applied === null || isLater(manifest, applied)) return;
  throw new RivuletError(
    'MANIFEST_STALE',
    `The manifest is number ${manifest.epoch}/${manifest.sequence}; ${applied.epoch}/${applied.sequence} is applied.`,
  );
}

async function loadTables(lease: DatabaseLease, order: ApplyOrder): Promise<LoadedMirror[]> {
  const { manifest, plan, progress } = order;
  progress.phase = 'applying';
  progress.bytesDone = 0;
  progress.bytesTotal = 0;
  for (const [index, table] of manifest.tables.entries()) {
    if (plan.tables[index]!.action === 'load') progress.bytesTotal += table.bytes;
  }
  const loaded: LoadedMirror[] = [];
  for (const [index, table] of manifest.tables.entries()) {
    const tablePlan = plan.tables[index]!;
    if (tablePlan.action === 'load')
      loaded.push(await loadMirror(lease.client, table, contentOf(tablePlan, order)));
    await createMissingIndexes(lease.client, table);
  }
  return loaded;
}

/** The table's rows from the spool. */
async function* contentOf(
  plan: TablePlan & { action: 'load' },
  order: ApplyOrder,
): AsyncGenerator<Buffer, void> {
  for (const digest of plan.chunks) {
    order.signal.throwIfAborted();
    const content = await order.spool.read(digest);
    order.progress.bytesDone += content.length;
    yield content;
  }
}

async function verifyTables(lease: DatabaseLease, loaded: LoadedMirror[], order: ApplyOrder): Promise<void> {
  const { progress, signal } = order;
  progress.phase = 'verifying';
  progress.rowsDone = 0;
  progress.rowsTotal = loaded.reduce((sum, { table }) => sum + table.rows, 0);
  for (const mirror of loaded) {
    await verifyMirror(lease.client, mirror, (rows) => {
      progress.rowsDone += rows;
      signal.throwIfAborted();
    });
  }
}

const actions = { emptied: 'loaded', created: 'created', rebuilt: 'rebuilt' } as const;

function toTableResult(table: Manifest['tables'][number], loaded: LoadedMirror[]): TableResult {
  const mirror = loaded.find((candidate) => candidate.table === table);
  const action = mirror === undefined ? 'unchanged' : actions[mirror.preparation];
  const { name, rows, bytes, checksum } = table;
  return { name, table: table.table, action, rows, bytes, checksum };
}

/** Readers that use several mirrors in another order than ours; PostgreSQL ends one of the two. */
const DEADLOCK_DETECTED = '40P01';

function explain(error: unknown, { lostBy }: DatabaseLease): unknown {
  if (error instanceof RivuletError) return error;
  if (!isPostgresError(error)) return lostBy ?? error;
  if (endsSession(error)) return error;
  switch (error.code) {
    case sqlState.diskFull:
      return new RivuletError('DISK_FULL', `The disk of the edge's database is full: ${error.message}.`, {
        cause: error,
      });
    case sqlState.lockNotAvailable:
    case DEADLOCK_DETECTED:
      return new RivuletError('MIRROR_BUSY', 'Another transaction holds a lock on a mirror.', {
        cause: error,
      });
    default:
      return new RivuletError('APPLY_FAILED', `The edge's PostgreSQL refused: ${error.message}.`, {
        cause: error,
      });
  }
}
