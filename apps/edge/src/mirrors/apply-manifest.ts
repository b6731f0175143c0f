import {
  arrangeMirrors,
  createMissingSchemas,
  grantReading,
  lockTables,
  mustTruncate,
  qualifiedName,
  refuseLosses,
  requireRoles,
  cutOverMirrors,
  type Arrangement,
  type LockPatience,
} from '@rivulet/mirror';
import { RivuletError } from '@rivulet/errors';
import {
  inTransaction,
  isInterruption,
  isPostgresError,
  useCanonicalSettings,
  type TransactionOptions,
} from '@rivulet/postgres';
import { isLater, type Manifest, type ManifestPosition } from '@rivulet/protocol';
import type { SpoolFile } from '../spool/spool-file';
import type { DatabaseLease } from '../state/database-lease';
import type { SyncProgress } from '../state/sync-progress';
import type { TableResult } from '../state/sync-result';
import type { SyncState, WrittenMirror } from '../state/sync-state';
import { explainApplyError } from './explain-apply-error';
import { refuseDeletions } from './guard-deletions';
import type { TableTask } from './plan-tables';
import { proveTables, type VerifyMode } from './prove-table';
import { toTableResult } from './table-result';
import { writeTables } from './write-tables';

export interface ApplyOrder {
  manifest: Manifest;
  /** One for each table of the manifest, in its order. */
  tasks: TableTask[];
  spool: SpoolFile;
  verify: VerifyMode;
  /** Whether to ignore the guards of mirrors. */
  confirmDeletes: boolean;
  limits: TransactionOptions;
  progress: SyncProgress;
  signal: AbortSignal;
}

/** Mirrors that are written and proved, in a transaction that is still open. */
interface AppliedTables {
  tables: TableResult[];
  written: WrittenMirror[];
  applyMs: number;
  verifyMs: number;
}

/** Writes state and log in the open transaction. Its answer becomes part of the outcome. */
export type RecordApplied<T> = (applied: AppliedTables) => Promise<T>;

export type ApplyOutcome<T> =
  | { kind: 'committed'; recorded: T }
  /** Nothing has changed. */
  | { kind: 'rolled-back'; error: unknown }
  /** The connection broke between COMMIT and its answer: only the state itself says whether it was committed. */
  | { kind: 'commit-unknown'; recorded: T; error: unknown };

/**
 * Makes the mirrors equal to the manifest in one transaction: writes them, reads back and compares, records state and
 * log, brings new and moved mirrors to their places, commits. Readers may have to wait for the last step, so nothing slow
 * comes after it.
 *
 * Errors of a rolled back apply: MANIFEST_STALE · SCHEMA_UNSUPPORTED · MIRROR_TABLE_CONFLICT · MIRROR_HAS_DEPENDENTS ·
 * MIRROR_REJECTS_ROWS · MIRROR_GUARDED · CHECKSUM_MISMATCH · FRAME_INVALID · DATASET_KEY_NOT_UNIQUE · ROW_TOO_LARGE · MIRROR_BUSY ·
 * DISK_FULL · APPLY_FAILED
 */
export async function applyManifest<T>(
  lease: DatabaseLease,
  state: SyncState,
  order: ApplyOrder,
  record: RecordApplied<T>,
): Promise<ApplyOutcome<T>> {
  let ready: { recorded: T } | undefined;
  try {
    const recorded = await inTransaction(lease.client, order.limits, async () => {
      const written = await applyInTransaction(lease, state, order, record);
      ready = { recorded: written };
      return written;
    });
    return { kind: 'committed', recorded };
  } catch (cause) {
    const error = explainApplyError(cause, lease, order.manifest.tables);
    if (ready === undefined || isRefusal(cause)) return { kind: 'rolled-back', error };
    return { kind: 'commit-unknown', recorded: ready.recorded, error };
  }
}

/** PostgreSQL answered that it rolled back, for instance because of a deferred constraint. */
function isRefusal(error: unknown): boolean {
  return isPostgresError(error) && !isInterruption(error);
}

async function applyInTransaction<T>(
  lease: DatabaseLease,
  state: SyncState,
  order: ApplyOrder,
  record: RecordApplied<T>,
): Promise<T> {
  const { client, manager } = lease;
  const { tables } = order.manifest;
  const patience = { patienceMs: order.limits.lockTimeoutMs, signal: order.signal };
  await useCanonicalSettings(client);
  // The row stays locked until commit, so this also holds against another edge process.
  refuseStale(order.manifest, await state.lockPosition(manager));
  const start = performance.now();
  const former = await state.tables(manager);
  const arrangement = await arrangeMirrors(client, tables, former);
  await prepare(lease, arrangement, order, patience);
  const recorded = await record(await writeAndProve(lease, arrangement, order, start));
  await cutOverMirrors(client, arrangement, patience);
  for (const table of tables) {
    const grants = former.find(({ name }) => name === table.name)?.grants ?? [];
    await grantReading(client, table, grants);
  }
  return recorded;
}

async function writeAndProve(
  { client }: DatabaseLease,
  arrangement: Arrangement,
  order: ApplyOrder,
  start: number,
): Promise<AppliedTables> {
  const written = await writeTables(client, arrangement, order);
  if (!order.confirmDeletes) refuseDeletions(written);
  const writtenAt = performance.now();
  const proved = await proveTables(client, written, order);
  return {
    tables: order.manifest.tables.map((table) => toTableResult(table, written)),
    written: proved,
    applyMs: writtenAt - start,
    verifyMs: performance.now() - writtenAt,
  };
}

/** Higher numbers would leave no room: nothing later than the highest could ever be applied. */
const SEQUENCE_MAX = 2 ** 50;
const EPOCH_MAX = 2 ** 30;

/** G2: a manifest is applied only if it is later than all that were applied before. */
export function refuseStale(manifest: Manifest, applied: ManifestPosition | null): void {
  if (manifest.epoch > EPOCH_MAX || manifest.sequence > SEQUENCE_MAX) {
    throw new RivuletError(
      'MANIFEST_TOO_FAR_AHEAD',
      `The manifest is number ${manifest.epoch}/${manifest.sequence}.`,
    );
  }
  if (applied === null || isLater(manifest, applied)) return;
  throw new RivuletError(
    'MANIFEST_STALE',
    `The manifest is number ${manifest.epoch}/${manifest.sequence}; ${applied.epoch}/${applied.sequence} is applied.`,
  );
}

/** Refuses what cannot be applied, before anything is written, and locks the mirrors to be emptied. */
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
    return tasks[index]!.action === 'load' && mustTruncate(mirror);
  });
  const names = emptied.map(({ place }) => qualifiedName(place));
  await lockTables(client, names, patience);
}
