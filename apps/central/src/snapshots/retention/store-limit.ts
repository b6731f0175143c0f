import { Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { SnapshotsEnv } from '../snapshots.env';
import { findLeastUsedSnapshots } from './collection-queries';
import { deleteOldManifests, deleteOldRequests } from './history-queries';
import { add, nothing, removeSnapshots, removeUnused, type Removed } from './remove-contents';
import { measureUsedBytes, type StoreSize } from './store-size';

/** Parts of the limit. Files do not shrink, so what is in them is held below the limit. */
const BEGIN_AT = 0.8;
const END_AT = 0.7;

/** Contents that can be read again are not removed while a device may be downloading them. */
const DOWNLOAD_MS = 3_600_000;

/** History that is kept in any case. */
const HISTORY_MS = 86_400_000;

/** Files that keep their size are looked into again after so many looks at that. */
const LOOK_AGAIN_AFTER = 20;

type Transaction = <T>(work: (client: ClientBase) => Promise<T>) => Promise<T | undefined>;

/**
 * Keeps the store within CENTRAL_STORE_MAX_BYTES. What goes first is what nobody needs; then history; then contents that can
 * be read from the source again, the longest unused first. Nothing is refused for it: what is missing is read again.
 */
@Injectable()
export class StoreLimit {
  private readonly logger = new Logger('Store');
  private isCrowded = false;
  private seenBytes = 0;
  private looks = 0;

  constructor(private readonly env: SnapshotsEnv) {}

  /**
   * @param transaction runs work while nobody enters what names chunks; undefined when that cannot be had
   * @returns what was removed
   */
  async enforce({ totalBytes }: StoreSize, transaction: Transaction): Promise<Removed> {
    const { storeMaxBytes } = this.env;
    if (totalBytes <= storeMaxBytes * BEGIN_AT) {
      this.isCrowded = false;
      return nothing;
    }
    if (!this.isToBeLookedInto(totalBytes)) return nothing;
    const usedBytes = (await transaction(measureUsedBytes)) ?? 0;
    const excess = usedBytes - storeMaxBytes * END_AT;
    if (excess <= 0) return nothing;
    this.say(totalBytes, usedBytes);
    return this.free(excess, transaction);
  }

  /** Not more often than needed, as all lists are read for it. */
  private isToBeLookedInto(totalBytes: number): boolean {
    const hasGrown = totalBytes > this.seenBytes * 1.01;
    this.looks = hasGrown ? 0 : (this.looks + 1) % LOOK_AGAIN_AFTER;
    if (hasGrown) this.seenBytes = totalBytes;
    return this.looks === 0;
  }

  private async free(excess: number, transaction: Transaction): Promise<Removed> {
    let removed = await repeat(excess, transaction, (client) => removeUnused(client, 0));
    if (removed.bytes >= excess) return removed;
    await transaction(async (client) => {
      await client.query(deleteOldRequests, [HISTORY_MS]);
      await client.query(deleteOldManifests, [HISTORY_MS]);
    });
    const left = ((await transaction(measureUsedBytes)) ?? 0) - this.env.storeMaxBytes * END_AT;
    if (left > 0) removed = add(removed, await repeat(left, transaction, removeLeastUsed));
    return removed;
  }

  private say(totalBytes: number, usedBytes: number): void {
    if (this.isCrowded) return;
    this.isCrowded = true;
    this.logger.warn(
      { totalBytes, usedBytes, maxBytes: this.env.storeMaxBytes },
      `Central's store has ${mebibytes(totalBytes)} MiB, of which ${mebibytes(usedBytes)} MiB are in use, and may have ` +
        `${mebibytes(this.env.storeMaxBytes)} MiB. What is used least is removed, and read again when a device needs it. ` +
        'Raise CENTRAL_STORE_MAX_BYTES if there is room on the disk.',
    );
  }
}

export function mebibytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(bytes < 100 * 1024 ** 2 ? 1 : 0);
}

async function removeLeastUsed(client: ClientBase, bytes: number): Promise<Removed> {
  const { rows } = await client.query<{ snapshotId: string }>(findLeastUsedSnapshots, [
    0,
    DOWNLOAD_MS,
    bytes,
  ]);
  return removeSnapshots(
    client,
    rows.map(({ snapshotId }) => snapshotId),
  );
}

/** Until enough has gone, or there is nothing more of this kind. */
async function repeat(
  excess: number,
  transaction: Transaction,
  remove: (client: ClientBase, bytes: number) => Promise<Removed>,
): Promise<Removed> {
  let removed = nothing;
  while (removed.bytes < excess) {
    const left = Math.ceil(excess - removed.bytes);
    const batch = await transaction((client) => remove(client, left));
    if (batch === undefined || batch.snapshots + batch.patches === 0) break;
    removed = add(removed, batch);
  }
  return removed;
}
