import { inTransaction, useCanonicalSettings, type TransactionOptions } from '@rivulet/postgres';
import type { DatabaseLease } from '../state/database-lease';
import type { SyncState } from '../state/sync-state';
import { inspectMirror, type MirrorInspection } from './inspect-mirror';
import type { TableTask } from './plan-tables';

export interface HealOrder {
  /** The tasks that changed rows of mirrors when the proof failed. */
  tasks: TableTask[];
  limits: TransactionOptions;
  signal: AbortSignal;
  onDeviation: (inspection: MirrorInspection) => void;
}

/**
 * After a manifest could not be proved: reads the mirrors that were to be changed, and corrects the record of those that
 * differ from it. Central then sends the chunks that they lack.
 *
 * @returns whether any record was wrong
 */
export async function healMirrors(
  lease: DatabaseLease,
  state: SyncState,
  order: HealOrder,
): Promise<boolean> {
  const names = new Set(order.tasks.map(({ table }) => table.name));
  const recorded = (await state.tables()).filter(({ name }) => names.has(name));
  // A mirror without a record is read again for every plan.
  let isHealed = recorded.length < order.tasks.length;
  await inTransaction(lease.client, order.limits, async () => {
    await useCanonicalSettings(lease.client);
    for (const mirror of recorded) {
      const inspection = await inspectMirror(lease.client, mirror, () => order.signal.throwIfAborted());
      if (inspection.status === 'intact') continue;
      isHealed = true;
      if (inspection.status === 'deviating') await state.recordFound(lease, mirror, inspection.found);
      order.onDeviation(inspection);
    }
  });
  return isHealed;
}
