import { createMissingIndexes } from '@rivulet/mirror';
import {
  endsSession,
  inTransaction,
  isPostgresError,
  sqlState,
  useCanonicalSettings,
  type TransactionOptions,
} from '@rivulet/postgres';
import { isLater, RivuletError, type Manifest, type ManifestPosition } from '@rivulet/protocol';
import type { SpoolFile } from '../spool/spool-file';
import type { SyncState, WrittenMirror } from '../state/sync-state';
import { applyTable, proveTable, rowsToProve, type WrittenTable } from './apply-table';
import type { DatabaseLease } from './database-lease';
import type { TableTask } from './plan-tables';
import type { SyncProgress, TableResult } from './sync-result';

export interface ApplyOrder {
  manifest: Manifest;
  /** One for each table of the manifest, in its order. */
  tasks: TableTask[];
  spool: SpoolFile;
  verify: VerifyMode;
  progress: SyncProgress;
  signal: AbortSignal;
}

export const verifyModes = ['touched', 'full'] as const;

/** How much of a mirror that was merged or patched is read back: what was `touched`, or all of it. */
export type VerifyMode = (typeof verifyModes)[number];

export interface AppliedTables {
  tables: TableResult[];
  written: WrittenMirror[];
  applyMs: number;
  verifyMs: number;
}

/**
 * Makes the mirrors equal to the manifest in one transaction: writes them, reads back and compares, has
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
  record: (applied: AppliedTables) => Promise<void>,
): Promise<void> {
  const { client, manager } = lease;
  try {
    await inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      // The row stays locked until commit, so this holds against another edge process, too.
      refuseStale(order.manifest, await state.lockPosition(manager));
      const start = performance.now();
      const written = await writeTables(lease, order);
      const writtenAt = performance.now();
      const proved = await proveTables(lease, written, order);
      const provedAt = performance.now();
      await record({
        tables: order.manifest.tables.map((table) => toTableResult(table, written)),
        written: proved,
        applyMs: writtenAt - start,
        verifyMs: provedAt - writtenAt,
      });
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

async function writeTables({ client }: DatabaseLease, order: ApplyOrder): Promise<WrittenTable[]> {
  const { tasks, spool, progress } = order;
  progress.phase = 'applying';
  progress.bytesDone = 0;
  progress.bytesTotal = spool.contentBytesOf(
    tasks.flatMap((task) => task.frames.map(({ digest }) => digest)),
  );
  const written: WrittenTable[] = [];
  for (const task of tasks) {
    if (task.action !== 'keep') written.push(await applyTable(client, task, contentsOf(task, order)));
    await createMissingIndexes(client, task.table);
  }
  return written;
}

/** What the table's frames hold, from the spool. */
async function* contentsOf({ frames }: TableTask, order: ApplyOrder): AsyncGenerator<Buffer, void> {
  for (const { digest } of frames) {
    order.signal.throwIfAborted();
    const content = await order.spool.read(digest);
    order.progress.bytesDone += content.length;
    yield content;
  }
}

async function proveTables(
  { client }: DatabaseLease,
  written: WrittenTable[],
  order: ApplyOrder,
): Promise<WrittenMirror[]> {
  const { progress, signal } = order;
  const wholly = order.verify === 'full';
  progress.phase = 'verifying';
  progress.rowsDone = 0;
  progress.rowsTotal = written.reduce((sum, table) => sum + rowsToProve(table, wholly), 0);
  const proved: WrittenMirror[] = [];
  for (const table of written) {
    const chunks = await proveTable(client, table, wholly, (rows) => {
      progress.rowsDone += rows;
      signal.throwIfAborted();
    });
    proved.push({ table: table.task.table, recorded: table.recorded, chunks });
  }
  return proved;
}

function toTableResult(table: Manifest['tables'][number], written: WrittenTable[]): TableResult {
  const { action, rowsChanged } = written.find(({ task }) => task.table === table) ?? {
    action: 'unchanged' as const,
    rowsChanged: 0,
  };
  const { name, rows, bytes, checksum } = table;
  return { name, table: table.table, action, rows, rowsChanged, bytes, checksum };
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
