import { counted, formatTable } from '@rivulet/cli';

/** A result of pg in array mode, whose values are text. */
export interface SqlResult {
  command: string;
  rowCount: number | null;
  fields: { name: string; dataTypeID: number }[];
  rows: (string | null)[][];
}

/** int2, int4, int8, oid, float4, float8, money, numeric */
const NUMBER_TYPE_IDS = new Set([20, 21, 23, 26, 700, 701, 790, 1700]);

/** Types whose JSON form is exact. A bigint or a numeric is not among them and stays text. */
const JSON_TYPE_IDS = new Set([16, 21, 23, 26, 114, 3802]);

/**
 * A result as text: an aligned table with its row count, or `UPDATE 1` for a command. Wide columns are cut so that a
 * line has at most `maxWidth` cells, if that is given.
 */
export function formatResult({ command, rowCount, fields, rows }: SqlResult, maxWidth?: number): string {
  if (fields.length === 0) return [command, rowCount].filter((part) => part !== null).join(' ');
  const head = fields.map(({ name }) => name);
  const cells = rows.map((row) => row.map((value) => value ?? 'NULL'));
  const alignments = fields.map(({ dataTypeID }) => (NUMBER_TYPE_IDS.has(dataTypeID) ? '>' : '<')).join('');
  const table = formatTable([head, ...cells], { alignments, maxWidth, style: 'ruled' });
  const footer = command === 'SELECT' ? [] : [`${command} ${rowCount}`];
  return [...table, `(${counted(rows.length, 'row')})`, ...footer].join('\n');
}

/** The rows, or `{"command":"UPDATE","rowCount":1}` for a statement without any. */
export function resultJson({ command, rowCount, fields, rows }: SqlResult): object {
  if (fields.length === 0) return { command, rowCount };
  return rows.map((row) =>
    Object.fromEntries(
      fields.map(({ name, dataTypeID }, index) => [name, jsonValue(row[index]!, dataTypeID)]),
    ),
  );
}

function jsonValue(text: string | null, typeId: number): unknown {
  if (text === null || !JSON_TYPE_IDS.has(typeId)) return text;
  if (text === 't' || text === 'f') return text === 't';
  return JSON.parse(text);
}
