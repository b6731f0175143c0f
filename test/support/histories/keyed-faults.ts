import type { KeyPlace, LocatedKey } from '@rivulet/snapshot';
import type { NotedKey } from '../../../apps/central/src/source/change-detection/change-log/changed-keys';
import type { StaleRun } from '../../../apps/central/src/snapshots/reading/stale-runs';
import { replaced, withoutRowsOfUpdate } from './wrong-triggers';

/** A mistake in reading only what has changed, made on purpose at one place, to see that the histories find it. */
export interface KeyedFault {
  mistake: string;
  /** In the trigger function of a table. */
  trigger?: (body: string) => string;
  /** Done to the log after each folding. */
  log?: string;
  /** In the keys that have changed. */
  keys?: (keys: NotedKey[]) => NotedKey[];
  /** In where they fall. */
  places?: (places: LocatedKey[]) => LocatedKey[];
  /** In what is read again. */
  runs?: (runs: StaleRun[], bytes: readonly number[], places: readonly KeyPlace[]) => StaleRun[];
  /** Keys are compared by the order that their column has by itself. */
  comparesLocally?: true;
  /** Definitions are not compared after reading. */
  trustsDefinitions?: true;
}

export const keyedFaults: KeyedFault[] = [
  { mistake: 'the old keys of updated rows are forgotten', trigger: withoutRowsOfUpdate('old_rows') },
  { mistake: 'the new keys of updated rows are forgotten', trigger: withoutRowsOfUpdate('new_rows') },
  {
    mistake: 'what has been read is thought to be of a later fold',
    log: `UPDATE rivulet.snapshot_cache SET read_as_of = regexp_replace(read_as_of, '\\S+$',
      (SELECT fold || '.' || version FROM rivulet.folds ORDER BY fold DESC LIMIT 1))`,
  },
  {
    mistake: 'more keys than are noted do not count as the whole table',
    trigger: (body) =>
      replaced(body, 'LIMIT 2001) AS changed;', 'LIMIT 3) AS changed;').replaceAll(
        ') AS changed);',
        ' LIMIT 3) AS changed);',
      ),
  },
  {
    mistake: 'changes of a whole table are forgotten',
    log: 'UPDATE rivulet.value_versions SET whole_fold = 0',
  },
  {
    mistake: 'notes of several keys in which the least and the most are compared by a locale count as one',
    trigger: (body) => replaced(body, 'rivulet_key IS DISTINCT FROM rivulet_last', 'false'),
  },
  {
    mistake: 'of two rows only the first is noted',
    trigger: (body) => replaced(body, 'THEN rivulet_count := 3;', 'THEN'),
  },
  {
    mistake: 'the log of keys is lost in part, and this goes unnoticed',
    log: `WITH gone AS (DELETE FROM rivulet.changed_keys WHERE ctid IN (SELECT ctid FROM rivulet.changed_keys ORDER BY fold DESC LIMIT 1) RETURNING fold)
      UPDATE rivulet.folds SET keys = keys - 1 WHERE fold IN (SELECT fold FROM gone)`,
  },
  {
    mistake: 'the last row of a chunk counts as unchanged',
    places: (places) => places.map((key) => ({ ...key, isEqual: false })),
  },
  {
    mistake: 'a row behind all others is not read',
    places: (places) =>
      places.filter(({ place }) => place === 0 || place < Math.max(...places.map((other) => other.place))),
  },
  {
    mistake: 'the chunk in front of a changed one is never read again',
    runs: (_, bytes, places) =>
      [...new Set(places.map(({ place }) => Math.min(place, bytes.length - 1)))]
        .toSorted((a, b) => a - b)
        .map((chunk) => ({ first: chunk, last: chunk })),
  },
  {
    mistake: 'reading does not go on to the next end',
    runs: (runs) => runs.map(({ first, last }) => ({ first, last: Math.max(first, last - 1) })),
  },
  { mistake: 'only the first run is read', runs: (runs) => runs.slice(0, 1) },
  { mistake: 'keys are compared by the collation of their column', comparesLocally: true },
  { mistake: 'definitions that change with the rows are not noticed', trustsDefinitions: true },
];
