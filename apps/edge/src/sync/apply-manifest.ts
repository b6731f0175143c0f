import {
  arrangeMirrors,
  buildIndexes,
  createMissingSchemas,
  grantReading,
  lockTables,
  mustBeEmptied,
  qualifiedName,
  refuseLosses,
  requireRoles,
  settleMirrors,
  type Arrangement,
  type LockPatience,
} from '@rivulet/mirror';
import { inTransaction, useCanonicalSettings, type TransactionOptions } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { freeMemory, isLater, type Manifest, type ManifestPosition } from '@rivulet/protocol';
import type { SpoolFile } from '../spool/spool-file';
import type { SyncState, WrittenMirror } from '../state/sync-state';
import { applyTable, proveTable, rowsToProve, type WrittenTable } from './apply-table';
import type { DatabaseLease } from './database-lease';
import { explainApplyError } from './explain-apply-error';
import { refuseDeletions } from './guard-deletions';
import type { TableTask } from './plan-tables';
import type { SyncProgress, TableResult } from './sync-result';

export interface ApplyOrder {
  manifest: Manifest;
  /** One for each table of the manifest, in its order. */
  tasks: TableTask[];
  spool: SpoolFile;
  verify: VerifyMode;
  /** Whether guards of mirrors are not to be heeded. */
  confirmDeletes: boolean;
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
 * Makes the mirrors equal to the manifest in one transaction: writes them, reads back and compares, has `record` write
 * state and log, brings to their places those that are made anew or move, commits. Whatever goes wrong, nothing has
 * changed. That last step is where readers may have to wait, so nothing slow comes after it.
 *
 * @throws RivuletError MANIFEST_STALE · SCHEMA_UNSUPPORTED · MIRROR_TABLE_CONFLICT · MIRROR_HAS_DEPENDENTS ·
 *   MIRROR_GUARDED · CHECKSUM_MISMATCH · FRAME_INVALID · DATASET_KEY_NOT_UNIQUE · ROW_TOO_LARGE · MIRROR_BUSY ·
 *   DISK_FULL · APPLY_FAILED
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
      const recorded = await state.tables(manager);
      const arrangement = await arrangeMirrors(client, order.manifest.tables, recorded);
      const patience = { patienceMs: limits.lockTimeoutMs, signal: order.signal };
      await prepare(lease, arrangement, order, patience);
      const written = await writeTables(lease, arrangement, order);
      if (!order.confirmDeletes) refuseDeletions(written);
      const writtenAt = performance.now();
      const proved = await proveTables(lease, written, order);
      const provedAt = performance.now();
      await record({
        tables: order.manifest.tables.map((table) => toTableResult(table, written)),
        written: proved,
        applyMs: writtenAt - start,
        verifyMs: provedAt - writtenAt,
      });
      await settleMirrors(client, arrangement, patience);
      for (const table of order.manifest.tables) {
        const former = recorded.find(({ name }) => name === table.name);
        await grantReading(client, table, former?.grants ?? []);
      }
    });
  } catch (error) {
    throw explainApplyError(error, lease);
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

/** Refuses what cannot be, before anything is written, and locks what is to be emptied. */
async function prepare(
  { client }: DatabaseLease,
  arrangement: Arrangement,
  { manifest, tasks }: ApplyOrder,
  patience: LockPatience,
): Promise<void> {
  await refuseLosses(client, arrangement);
  await requireRoles(client, manifest.tables);
  await createMissingSchemas(client, manifest.tables);
  const emptied = arrangement.mirrors.filter((mirror, index) => {
    return tasks[index]!.action === 'load' && mustBeEmptied(mirror);
  });
  await lockTables(
    client,
    emptied.map(({ place }) => qualifiedName(place)),
    patience,
  );
}

async function writeTables(
  { client }: DatabaseLease,
  arrangement: Arrangement,
  order: ApplyOrder,
): Promise<WrittenTable[]> {
  const { tasks, spool, progress } = order;
  progress.phase = 'applying';
  progress.bytesDone = 0;
  progress.bytesTotal = spool.contentBytesOf(
    tasks.flatMap((task) => task.frames.map(({ digest }) => digest)),
  );
  const written: WrittenTable[] = [];
  for (const [index, task] of tasks.entries()) {
    const mirror = arrangement.mirrors[index]!;
    if (task.action !== 'load' && !mirror.fits) throw changedMeanwhile(task);
    const done =
      task.action === 'keep' ? undefined : await applyTable(client, task, mirror, contentsOf(task, order));
    if (done !== undefined) written.push(done);
    await buildIndexes(client, mirror, done?.mirror);
  }
  return written;
}

function changedMeanwhile({ table }: TableTask): RivuletError {
  return new RivuletError(
    'CHECKSUM_MISMATCH',
    `The mirror ${table.table} got other columns, or was dropped, while this cycle was running.`,
  );
}

/** What the table's frames hold, from the spool. Rows are streamed: one content is gone when the next is asked for. */
async function* contentsOf({ action, frames }: TableTask, order: ApplyOrder): AsyncGenerator<Buffer, void> {
  for (const { digest } of frames) {
    order.signal.throwIfAborted();
    const content = await order.spool.read(digest);
    order.progress.bytesDone += content.length;
    yield content;
    if (action !== 'patch') freeMemory(content);
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
  const done = written.find(({ task }) => task.table === table);
  const action = done?.action ?? 'unchanged';
  const { name, rows, bytes, checksum } = table;
  return { name, table: table.table, action, rows, rowsChanged: countChanged(done), bytes, checksum };
}

/** A table that was filled anew has nothing but changed rows. */
function countChanged(done: WrittenTable | undefined): number {
  if (done === undefined) return 0;
  const { inserted, updated, deleted } = done.rows;
  return done.action === 'merged' || done.action === 'patched' ? inserted + updated + deleted : inserted;
}
