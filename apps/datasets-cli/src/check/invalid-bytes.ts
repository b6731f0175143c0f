import type { Dataset, Scope } from '@rivulet/datasets';
import { isPostgresError } from '@rivulet/postgres';
import { bindQuery, canonicalSelect, type DescribedColumn } from '@rivulet/snapshot';
import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import { tryQuery } from '../source/try-query';
import type { Findings } from './findings';

/** Valid UTF-8 as hexadecimal digits: table 3-7 of the Unicode standard. */
const VALID_UTF8 =
  '^([0-7].|(c[2-9a-f]|d.)[89ab].|e0[ab].[89ab].|(e[1-9a-cef])([89ab].){2}|ed[89].[89ab].|' +
  'f0[9ab].([89ab].){2}|f[1-3]([89ab].){3}|f48.([89ab].){2})*$';

/** Values of these types have no letters but those of ASCII. */
const PLAIN_TYPES =
  /^(smallint|integer|bigint|numeric|real|double|boolean|date|time|interval|uuid|bytea|oid|bit)\b/;

const encodings = new WeakMap<ClientBase, string>();

/**
 * Finds a row with bytes that are not UTF-8, which central cannot read. Only a database in SQL_ASCII keeps such: it takes
 * whatever its clients sent.
 */
export async function reportInvalidBytes(
  client: ClientBase,
  dataset: Dataset,
  { macAddress, parameters }: Scope,
  { mistakes }: Findings,
): Promise<void> {
  if ((await encodingOf(client)) !== 'SQL_ASCII') return;
  const { definition, columns } = dataset;
  const suspects = columns.filter(({ type }) => !PLAIN_TYPES.test(type));
  if (suspects.length === 0) return;
  const boundQuery = bindQuery(definition.query.template, parameters);
  const rows = canonicalSelect({ boundQuery, columns, keyColumns: definition.key.length });
  const found = await tryQuery(client, () =>
    client.query<InvalidRow>(firstInvalid(rows, definition.key, suspects)),
  );
  const [row] = isPostgresError(found) ? [] : found.rows;
  if (row === undefined) return;
  const { name, key, query } = definition;
  const column = escapeIdentifier(row.column);
  mistakes.add(
    query.placeOf(0),
    `dataset ${name} has bytes in its column ${row.column} that are not UTF-8, in the row with the key (${key.join(', ')}) = ` +
      `(${row.key.join(', ')}) for ${macAddress}; the source database has the encoding SQL_ASCII, which takes any bytes. ` +
      `Correct the row, or convert the column in the query; if the bytes are LATIN1: ` +
      `convert_from(convert(convert_to(${column}, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'UTF8') AS ${column}`,
  );
}

interface InvalidRow {
  key: string[];
  column: string;
}

function bytesOf(name: string): string {
  return `convert_to(format('%s', ${escapeIdentifier(name)}), 'SQL_ASCII')`;
}

function firstInvalid(rows: string, key: string[], columns: DescribedColumn[]): string {
  const invalid = columns.map(({ name }) => ({
    name,
    sql: `encode(${bytesOf(name)}, 'hex') !~ ${escapeLiteral(VALID_UTF8)}`,
  }));
  const choices = invalid.map(({ name, sql }) => `WHEN ${sql} THEN ${escapeLiteral(name)}`);
  return (
    `SELECT ARRAY[${key.map((name) => `encode(${bytesOf(name)}, 'escape')`).join(', ')}] AS key, ` +
    `CASE ${choices.join(' ')} END AS column FROM (${rows}) AS dataset WHERE ${invalid.map(({ sql }) => sql).join(' OR ')} LIMIT 1`
  );
}

async function encodingOf(client: ClientBase): Promise<string> {
  const known = encodings.get(client);
  if (known !== undefined) return known;
  const { rows } = await client.query<{ encoding: string }>(
    `SELECT current_setting('server_encoding') AS encoding`,
  );
  encodings.set(client, rows[0]!.encoding);
  return rows[0]!.encoding;
}
