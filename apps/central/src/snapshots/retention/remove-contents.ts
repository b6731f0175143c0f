import type { ClientBase } from 'pg';
import { tryToLockOutBuilds } from '../snapshot-locks';
import {
  deleteChunksOfSnapshots,
  deleteFramesOfPatches,
  deletePatches,
  deleteSnapshots,
  findUnusedPatches,
  findUnusedSnapshots,
} from './collection-queries';

/** Rows that one batch removed. */
export interface Removed {
  snapshots: number;
  patches: number;
  chunks: number;
  /** Blocks of these chunks. */
  bytes: number;
}

export const nothing: Removed = { snapshots: 0, patches: 0, chunks: 0, bytes: 0 };

export function add(one: Removed, other: Removed): Removed {
  return {
    snapshots: one.snapshots + other.snapshots,
    patches: one.patches + other.patches,
    chunks: one.chunks + other.chunks,
    bytes: one.bytes + other.bytes,
  };
}

/**
 * Removes a batch of what nobody has or will be sent. To be called while nobody enters what names chunks.
 *
 * @param supersededMs for how long the payload of a superseded manifest is kept
 */
export async function removeUnused(client: ClientBase, supersededMs: number): Promise<Removed> {
  const patches = await client.query<PatchRow>(findUnusedPatches, [supersededMs]);
  const ofPatches = await removePatches(client, patches.rows);
  const nobodyBuilds = await tryToLockOutBuilds(client);
  const parameters = [supersededMs, nobodyBuilds];
  const snapshots = await client.query<{ snapshotId: string }>(findUnusedSnapshots, parameters);
  const ids = snapshots.rows.map(({ snapshotId }) => snapshotId);
  return add(ofPatches, await removeSnapshots(client, ids));
}

/** @param ids that of each */
export async function removeSnapshots(client: ClientBase, ids: string[]): Promise<Removed> {
  if (ids.length === 0) return nothing;
  const chunks = await client.query<{ bytes: number }>(deleteChunksOfSnapshots, [ids]);
  const { rowCount } = await client.query(deleteSnapshots, [ids]);
  return { ...nothing, snapshots: rowCount ?? 0, ...sizeOf(chunks.rows) };
}

interface PatchRow {
  baseSnapshotId: string;
  snapshotId: string;
}

async function removePatches(client: ClientBase, patches: PatchRow[]): Promise<Removed> {
  if (patches.length === 0) return nothing;
  const pairs = [
    patches.map(({ baseSnapshotId }) => baseSnapshotId),
    patches.map(({ snapshotId }) => snapshotId),
  ];
  const frames = await client.query<{ bytes: number }>(deleteFramesOfPatches, pairs);
  await client.query(deletePatches, pairs);
  return { ...nothing, patches: patches.length, ...sizeOf(frames.rows) };
}

function sizeOf(chunks: { bytes: number }[]): Pick<Removed, 'chunks' | 'bytes'> {
  return { chunks: chunks.length, bytes: chunks.reduce((sum, { bytes }) => sum + bytes, 0) };
}
