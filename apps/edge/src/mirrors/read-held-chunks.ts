import { arrangeMirrors, openMirror, scanMirror, type ArrangedMirror } from '@rivulet/mirror';
import { RivuletError } from '@rivulet/errors';
import {
  inTransaction,
  isPostgresError,
  isTransientRefusal,
  useCanonicalSettings,
  type TransactionOptions,
} from '@rivulet/postgres';
import type { ChunkSummary, Manifest, SyncPlan } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import type { EdgeSyncTable } from '../state/edge-sync-table.entity';
import { readChunkDigests } from '../state/mirror-chunks';
import type { SyncState } from '../state/sync-state';
import { digestsOf } from './chunk-rows';
import type { HeldChunks } from './plan-tables';

export interface ReadHeldOrder {
  manifest: Manifest;
  plan: SyncPlan;
  /** Mirrors whose records are valid. */
  held: EdgeSyncTable[];
  limits: TransactionOptions;
  signal: AbortSignal;
}

/**
 * The chunks of the mirrors with rows, of tables that central sends in chunks: only chunks that a mirror lacks have to be
 * fetched, and only a mirror without rows is emptied and loaded. A mirror that has no valid record is read.
 */
export async function readHeldChunks(
  client: ClientBase,
  state: SyncState,
  order: ReadHeldOrder,
): Promise<HeldChunks[]> {
  const { manifest, plan, held } = order;
  const mirrors: HeldChunks[] = [];
  const unknown = new Set<string>();
  for (const [index, { name }] of manifest.tables.entries()) {
    if (plan.tables[index]!.action !== 'load') continue;
    const own = held.find((candidate) => candidate.name === name);
    if (own === undefined || own.rows === 0) unknown.add(name);
    else
      mirrors.push({
        name,
        fingerprint: own.fingerprint,
        digests: await readChunkDigests(client, name),
      });
  }
  if (unknown.size === 0) return mirrors;
  const arrangement = await arrangeMirrors(client, manifest.tables, await state.tables());
  const readable = arrangement.mirrors.filter(({ table, fits }) => fits && unknown.has(table.name));
  return [...mirrors, ...(await findChunks(state, readable, order))];
}

async function findChunks(
  state: SyncState,
  arranged: ArrangedMirror[],
  order: ReadHeldOrder,
): Promise<HeldChunks[]> {
  const mirrors: HeldChunks[] = [];
  for (const mirror of arranged) {
    const { name, fingerprint } = mirror.table;
    const found = await readMirror(state, mirror, order);
    if (found.length > 0) mirrors.push({ name, fingerprint, digests: digestsOf(found), found });
  }
  return mirrors;
}

/**
 * No chunks when the mirror has no rows, and when it cannot be read: then it is emptied and loaded, which repairs it. A
 * read that has to stop ends its connection, so this is not the connection of the lease.
 */
async function readMirror(
  state: SyncState,
  { table, place }: ArrangedMirror,
  { limits, signal }: ReadHeldOrder,
): Promise<ChunkSummary[]> {
  try {
    return await state.onConnection((client) =>
      inTransaction(client, limits, async () => {
        await useCanonicalSettings(client);
        return scanMirror(client, await openMirror(client, table, place), () => signal.throwIfAborted());
      }),
    );
  } catch (error) {
    if (isUnreadable(error)) return [];
    throw error;
  }
}

function isUnreadable(error: unknown): boolean {
  if (error instanceof RivuletError) return error.code === 'CHECKSUM_MISMATCH';
  return isPostgresError(error) && !isTransientRefusal(error);
}
