import { holds, type DeviceTable, type TableContent } from '@rivulet/protocol';
import type { Dataset } from '@rivulet/datasets';

/** A dataset's rows for one scope at one moment, stored as chunks. */
export interface Snapshot extends TableContent {
  snapshotId: number;
  dataset: Dataset;
  /** Bytes of its frames. */
  wireBytes: number;
}

/** Whether a device already has just this. `held` is by name. */
export function isHeld({ dataset, checksum }: Snapshot, held: ReadonlyMap<string, DeviceTable>): boolean {
  return holds(held.get(dataset.schema.name), { fingerprint: dataset.fingerprint, checksum });
}
