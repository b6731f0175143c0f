import * as fc from 'fast-check';
import type { TestRow } from './canonical-rows';

/** Some of each: hundreds to a chunk, a few to a chunk, larger than a chunk may be. */
export const fill = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 12, arbitrary: fc.integer({ min: 2_000, max: 12_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 50_000, max: 300_000 }) },
);

/**
 * Rows with ascending keys, all of seven digits, so that they ascend as texts, too. Every second number is left out,
 * so that a row fits between any two.
 */
export function rowsOf(minLength: number): fc.Arbitrary<TestRow[]> {
  const stepAndFill = fc.tuple(fc.integer({ min: 1, max: 500 }), fill);
  const steps = fc.array(stepAndFill, { minLength, maxLength: 120, size: 'max' });
  return steps.map((list) => {
    let number = 1_000_000;
    return list.map(([step, size]) => ({ key: String((number += 2 * step)), fill: size }));
  });
}

/** The content of a table before and after some changes. */
export interface ChangedTable {
  base: TestRow[];
  target: TestRow[];
}

/** Anywhere from no change to every row gone and others come. */
export const changedTable: fc.Arbitrary<ChangedTable> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(rowsOf(0), changesOf()).map(applyChanges) },
  { weight: 1, arbitrary: fc.record({ base: rowsOf(0), target: rowsOf(0) }) },
);

interface Change {
  /** Where, in thousandths of the table. */
  place: number;
  action: 'insert' | 'update' | 'mark' | 'delete';
  rows: number;
  size: number;
}

function changesOf(): fc.Arbitrary<Change[]> {
  const change = fc.record<Change>({
    place: fc.nat({ max: 1_000 }),
    action: fc.constantFrom('insert', 'update', 'mark', 'delete'),
    rows: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 30 })),
    size: fill,
  });
  return fc.array(change, { maxLength: 8, size: 'max' });
}

function applyChanges([base, changes]: [TestRow[], Change[]]): ChangedTable {
  const byKey = new Map(base.map((row) => [row.key, row]));
  for (const { place, action, rows, size } of changes) {
    const first = Math.floor((place / 1_000) * base.length);
    for (const row of base.slice(first, first + rows)) {
      const { key } = row;
      if (action === 'delete') byKey.delete(key);
      else if (action === 'update') byKey.set(key, { key, fill: size });
      // Another row of the same size.
      else if (action === 'mark') byKey.set(key, { ...row, letter: 'y' });
      else byKey.set(String(Number(key) - 1), { key: String(Number(key) - 1), fill: size });
    }
  }
  const target = [...byKey.values()].toSorted((a, b) => Number(a.key) - Number(b.key));
  return { base, target };
}
