import type { TableContent } from '@rivulet/protocol';
import type { Dataset } from '../datasets/dataset-catalogue';

/** A dataset's rows for one scope at one moment, stored as chunks. */
export interface Snapshot extends TableContent {
  snapshotId: number;
  dataset: Dataset;
  /** Bytes of its frames. */
  wireBytes: number;
}
