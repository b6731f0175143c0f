import {
  bindQuery,
  canonicalSelect,
  findRepeatedKey,
  type DescribedColumn,
  type Parameters,
  type RepeatedKey,
} from '@rivulet/snapshot';
import { escapeIdentifier, type ClientBase } from 'pg';
import type { Dataset } from '@rivulet/datasets';

/** Facts about the rows of a dataset for one device. Only aggregates are fetched. */
export interface KeyFacts {
  rows: number;
  /** Size of the canonical rows without COPY's escapes, whose detection would take longer than everything else. */
  bytes: number;
  largestRowBytes: number;
  /** For each key column, the number of rows with NULL. */
  nulls: number[];
  /** The size of the largest entry of the key and of each index. */
  indexEntryBytes: number[];
  /** A key shared by several rows. */
  repeated: RepeatedKey | undefined;
}

export async function readKeyFacts(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
): Promise<KeyFacts> {
  const { key, query } = dataset.definition;
  const boundQuery = bindQuery(query.template, parameters);
  const source = { boundQuery, columns: dataset.columns, keyColumns: key.length };
  const { rows: counts } = await client.query<string[]>({
    text: `SELECT ${aggregates(dataset).join(',\n  ')}\nFROM (${canonicalSelect(source)}) AS dataset`,
    rowMode: 'array',
  });
  const [count, bytes, largestRowBytes, ...others] = counts[0]!.map(Number);
  return {
    rows: count!,
    bytes: bytes!,
    largestRowBytes: largestRowBytes!,
    nulls: others.slice(0, key.length),
    indexEntryBytes: others.slice(key.length),
    repeated: await findRepeatedKey(client, source),
  };
}

function aggregates({ definition, columns }: Dataset): string[] {
  const { key, indexes } = definition;
  const rowBytes = columns.map(canonicalBytes).join(' + ');
  return [
    'count(*)',
    `coalesce(sum(${rowBytes}), 0)`,
    `coalesce(max(${rowBytes}), 0)`,
    ...key.map((name) => `count(*) FILTER (WHERE ${escapeIdentifier(name)} IS NULL)`),
    ...[key, ...indexes].map((names) => {
      const sizes = names.map((name) => `coalesce(pg_column_size(${escapeIdentifier(name)}), 0)`);
      return `coalesce(max(${sizes.join(' + ')}), 0)`;
    }),
  ];
}

/** SQL: the size of a value with the tab or line end after it. COPY doubles the backslash of a bytea. */
function canonicalBytes({ name, type }: DescribedColumn): string {
  const column = escapeIdentifier(name);
  // Unlike a cast to text, format() writes a boolean as t and keeps trailing blanks of a bpchar.
  const bytes = `octet_length(format('%s', ${column}))::bigint + ${type === 'bytea' ? 2 : 1}`;
  return `CASE WHEN ${column} IS NULL THEN 3 ELSE ${bytes} END`;
}
