import type { Versions } from '../source/change-detection/change-log/versions';
import type { Snapshot } from './snapshot';

/** The snapshots of a scope, all of one moment of the source. */
export interface SnapshotSet {
  snapshots: Snapshot[];
  /** The versions of that moment; undefined when it shows a change that no version stands for yet. */
  versions: Versions | undefined;
  /** Keys of changes that moment shows and no version stands for: not those of its own queries. None unless given. */
  pending?: ReadonlySet<string>;
  /** How long polled rows in it may still be used. */
  remainingMs: number;
}
