import { escapeIdentifier, type ClientBase } from 'pg';
import type { DescribedColumn } from './describe-query';
import { canonicalKey, orderedColumn } from './key-range';

/** Where a key falls among others, which are in ascending order. */
export interface KeyPlace {
  /** How many of those come before it. */
  place: number;
  /** Whether the one at this place is equal to it. */
  isEqual: boolean;
}

export interface LocatedKey extends KeyPlace {
  /** As it stands in canonical rows. */
  key: string;
}

/**
 * Finds where keys fall among the bounds, by PostgreSQL's own comparison and in the order of canonical rows. Keys and
 * bounds are given as the texts of their columns.
 */
export async function locateKeys(
  client: ClientBase,
  key: readonly DescribedColumn[],
  bounds: readonly string[][],
  keys: readonly string[][],
): Promise<LocatedKey[]> {
  const { rows } = await client.query<string[]>({
    text: locateStatement(key),
    values: [...columnsOf(bounds, key.length), ...columnsOf(keys, key.length)],
    rowMode: 'array',
    types: asSent,
  });
  return rows.map(([place, isEqual, ...texts]) => {
    return { place: Number(place), isEqual: isEqual === 't', key: canonicalKey(texts) };
  });
}

/** Values as the texts that COPY prints, before it escapes them. */
const asSent = { getTypeParser: () => (text: string | Buffer) => text };

function columnsOf(rows: readonly string[][], count: number): string[][] {
  return Array.from({ length: count }, (_, column) => rows.map((row) => row[column]!));
}

function locateStatement(key: readonly DescribedColumn[]): string {
  const names = key.map(({ name }) => escapeIdentifier(name)).join(', ');
  const values = key.map(
    ({ name, type }) => `${escapeIdentifier(name)}::${type} AS ${escapeIdentifier(name)}`,
  );
  const part = (isKey: boolean): string => {
    const first = isKey ? key.length + 1 : 1;
    const lists = key.map((_, index) => `$${first + index}::text[]`);
    return `SELECT ${isKey} AS "rivulet is key", ${values.join(', ')} FROM unnest(${lists.join(', ')}) AS given (${names})`;
  };
  const order = key.map(orderedColumn).join(', ');
  return `
SELECT "rivulet place"::int, "rivulet is equal", ${names} FROM (
  SELECT "rivulet is key", ${names},
    count(*) FILTER (WHERE NOT "rivulet is key")
      OVER (ORDER BY ${order}, "rivulet is key" DESC ROWS UNBOUNDED PRECEDING) AS "rivulet place",
    bool_or(NOT "rivulet is key") OVER (PARTITION BY ${order}) AS "rivulet is equal"
  FROM (${part(false)} UNION ALL ${part(true)}) AS given
) AS placed WHERE "rivulet is key"`;
}
