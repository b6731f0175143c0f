import { bucketsOf, noteOf, WHOLE_TABLE, type TrackedColumn } from '@rivulet/datasets';
import type { Parameters } from '@rivulet/snapshot';
import type { QueryWatch } from './change-detection';

/** With more values than these of one table, all changes of it count. */
const MAX_VALUES = 1_000;

/**
 * The keys of the versions that decide whether the result of a query for these parameters is still what it was: of
 * tables of which each change counts, and of the values of others.
 */
export function versionKeysOf(
  { relations, tracking }: Pick<QueryWatch, 'relations' | 'tracking'>,
  parameters: Parameters,
): string[] {
  const byTable = new Map(tracking.map(({ table, columns }) => [table, columns]));
  return relations.flatMap((table) => {
    const columns = byTable.get(table);
    const notes = columns === undefined ? undefined : notesOf(columns, parameters);
    // Joining makes one text. A template would make a tree of its parts, which takes ten times the memory for long.
    return notes === undefined ? [table] : [WHOLE_TABLE, ...notes].map((note) => [table, note].join(':'));
  });
}

/** Undefined where they are too many, or a value cannot be told. */
function notesOf(columns: TrackedColumn[], parameters: Parameters): number[] | undefined {
  const notes = new Set<number>();
  for (const { attribute, family, values } of columns) {
    for (const { parameter, isArray } of values) {
      const given = parameters.get(parameter);
      const buckets = given && bucketsOf(family, { text: given.value, isArray });
      if (buckets === undefined) return undefined;
      for (const bucket of buckets) notes.add(noteOf(attribute, bucket));
    }
  }
  return notes.size > MAX_VALUES ? undefined : [...notes].toSorted((a, b) => a - b);
}
