import { bindQuery, canonicalSelect, type DescribedColumn, type Parameters } from '@rivulet/snapshot';
import { escapeIdentifier, type ClientBase } from 'pg';
import type { Dataset } from '../datasets/dataset-catalogue';

/** What the rows of a dataset are like for one device. They stay in PostgreSQL: only sums of them are fetched. */
export interface KeyFacts {
  rows: number;
  /** About the bytes of the canonical rows. */
  bytes: number;
  largestRowBytes: number;
  /** Rows with NULL there, for each column of the key. */
  nulls: number[];
  /** Of the largest entry, for the key and for each index. */
  indexEntryBytes: number[];
  /** A key that several rows have. */
  repeated: { values: (string | null)[]; rows: number } | undefined;
}

export async function readKeyFacts(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
): Promise<KeyFacts> {
  const { key, query } = dataset.definition;
  const boundQuery = bindQuery(query.template, parameters);
  const rows = `(${canonicalSelect({ boundQuery, columns: dataset.columns, keyColumns: key.length })}) AS dataset`;
  const { rows: counts } = await client.query<string[]>({
    text: `SELECT ${aggregates(dataset).join(',\n  ')}\nFROM ${rows}`,
    rowMode: 'array',
  });
  const [count, bytes, largestRowBytes, ...others] = counts[0]!.map(Number);
  return {
    rows: count!,
    bytes: bytes!,
    largestRowBytes: largestRowBytes!,
    nulls: others.slice(0, key.length),
    indexEntryBytes: others.slice(key.length),
    repeated: await findRepeated(client, dataset, rows),
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

/** Of a value and the tab or line end behind it. What is escaped in it counts for less than it has. */
function canonicalBytes({ name, type }: DescribedColumn): string {
  const text =
    type === 'boolean' ? `left(${escapeIdentifier(name)}::text, 1)` : `${escapeIdentifier(name)}::text`;
  return `coalesce(octet_length(${text})::bigint, 2) + 1`;
}

async function findRepeated(
  client: ClientBase,
  dataset: Dataset,
  rows: string,
): Promise<KeyFacts['repeated']> {
  const { key } = dataset.definition;
  const columns = key.map(
    (name, index) => escapeIdentifier(name) + (dataset.columns[index]!.collatable ? ' COLLATE "C"' : ''),
  );
  const { rows: found } = await client.query<[string, ...(string | null)[]]>({
    text:
      `SELECT count(*), ${columns.map((column) => `min(left((${column})::text, 200))`).join(', ')} FROM ${rows}\n` +
      `WHERE ${key.map((name) => `${escapeIdentifier(name)} IS NOT NULL`).join(' AND ')}\n` +
      `GROUP BY ${columns.join(', ')} HAVING count(*) > 1 LIMIT 1`,
    rowMode: 'array',
  });
  if (found[0] === undefined) return undefined;
  const [count, ...values] = found[0];
  return { rows: Number(count), values };
}
