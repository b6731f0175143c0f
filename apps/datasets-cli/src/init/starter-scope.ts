import { normaliseMacAddress } from '@rivulet/protocol';
import { escapeLiteral, type ClientBase } from 'pg';
import { SCOPE_ACTIVE_COLUMN, SCOPE_DEVICE_COLUMN } from '@rivulet/datasets';
import type { SourceTable } from './source-tables';
import { sqlName } from './sql-names';
import { tryQuery } from '../source/try-query';

/** The lines of a scope query, and comments for the file. */
export interface StarterScope {
  lines: string[];
  remarks: string[];
  /** The device, if it knows only one. */
  macAddress?: string;
}

/** The number of values that are read to see whether a column has MAC addresses. */
const SAMPLE_VALUES = 50;

const AS_GIVEN = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/** Proposes a query on a table with MAC addresses, or one that knows a single device. */
export async function proposeScope(
  client: ClientBase,
  tables: SourceTable[],
  macAddress: string,
): Promise<StarterScope> {
  const { rows } = await client.query<MacColumn>(macColumns, [
    tables.map(({ schema }) => schema),
    tables.map(({ name }) => name),
  ]);
  for (const column of rows) {
    const table = tables.find(({ schema, name }) => schema === column.schema && name === column.table)!;
    const comparison = await compareWith(client, table, column);
    if (comparison !== undefined) return scopeOf(table, column, comparison);
  }
  return scopeOfOne(macAddress);
}

/** The condition that finds a device by the column; undefined if it does not contain MAC addresses. */
async function compareWith(
  client: ClientBase,
  table: SourceTable,
  column: MacColumn,
): Promise<string | undefined> {
  const name = sqlName(column.name, column.quoted);
  if (column.base !== 'text') return `${name} = :mac_address::${column.base}`;
  const values = await tryQuery(client, () =>
    client.query<{ text: string }>(
      `SELECT ${name}::text AS text FROM ${table.sql} WHERE ${name} IS NOT NULL LIMIT ${SAMPLE_VALUES}`,
    ),
  );
  if (!('rows' in values)) return undefined;
  const texts = values.rows.map(({ text }) => text);
  if (texts.length > 0 && !texts.some(isMacAddress)) return undefined;
  if (column.isPlainText && texts.every((text) => AS_GIVEN.test(text))) return `${name} = :mac_address`;
  return `lower(regexp_replace(${name}::text, '[^0-9A-Fa-f]', '', 'g')) = replace(:mac_address, ':', '')`;
}

function isMacAddress(text: string): boolean {
  try {
    normaliseMacAddress(text);
    return true;
  } catch {
    return false;
  }
}

function scopeOf(table: SourceTable, column: MacColumn, comparison: string): StarterScope {
  const [key] = table.keys;
  const identity = table.columns.find(({ name, isReadable }) => key?.[0] === name && isReadable);
  const isSingle = key?.length === 1 && identity !== undefined;
  const selected = [`${isSingle ? identity.sql : ':mac_address'} AS ${SCOPE_DEVICE_COLUMN}`];
  if (column.active !== null) {
    const active = sqlName(column.active, column.quotedActive!);
    selected.push(active === SCOPE_ACTIVE_COLUMN ? active : `${active} AS ${SCOPE_ACTIVE_COLUMN}`);
  }
  return {
    lines: [`SELECT ${selected.join(', ')}`, `FROM ${table.sql}`, `WHERE ${comparison}`],
    remarks: [
      'Finds the device by its MAC address. Each column that it returns is a parameter of the queries below.',
    ],
  };
}

/** A scope without a table of devices. */
function scopeOfOne(macAddress: string): StarterScope {
  return {
    macAddress,
    lines: [`SELECT 1 AS ${SCOPE_DEVICE_COLUMN}`, `WHERE :mac_address = ${escapeLiteral(macAddress)}`],
    remarks: [
      'No table has a column of MAC addresses, so this file knows one device: put its address here. For more devices,',
      'keep them in a table:',
      '  CREATE TABLE devices (',
      '    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,',
      "    mac_address text NOT NULL UNIQUE CHECK (mac_address ~ '^([0-9a-f]{2}:){5}[0-9a-f]{2}$'),",
      '    is_active   boolean NOT NULL DEFAULT true',
      '  );',
      'and find a device with:',
      '  SELECT id AS device_id, is_active FROM devices WHERE mac_address = :mac_address',
    ],
  };
}

interface MacColumn {
  schema: string;
  table: string;
  name: string;
  quoted: string;
  base: 'macaddr' | 'macaddr8' | 'text';
  /** Whether it can be compared with text without a cast. */
  isPlainText: boolean;
  /** A boolean column that says whether the device may sync. */
  active: string | null;
  quotedActive: string | null;
}

/** Columns of a MAC address type, then text columns with a similar name; tables named like a device table first. */
const macColumns = `
SELECT nspname AS schema, relname AS table, attname AS name, quote_ident(attname) AS quoted,
  CASE WHEN base.typname IN ('macaddr', 'macaddr8') THEN base.typname ELSE 'text' END AS base,
  type.oid IN ('text'::regtype, 'varchar'::regtype) AS "isPlainText",
  active.name AS active, quote_ident(active.name) AS "quotedActive"
FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
JOIN pg_namespace namespace ON nspname = wanted.schema
JOIN pg_class class ON relnamespace = namespace.oid AND relname = wanted.name
JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
JOIN pg_type type ON type.oid = atttypid
JOIN pg_type base ON base.oid = CASE type.typtype WHEN 'd' THEN type.typbasetype ELSE type.oid END
LEFT JOIN LATERAL (
  SELECT other.attname AS name FROM pg_attribute other
  WHERE other.attrelid = class.oid AND other.attnum > 0 AND NOT other.attisdropped
    AND other.atttypid = 'bool'::regtype AND other.attname ~* '^is_?(active|enabled)$|^(active|enabled)$'
    AND has_column_privilege(other.attrelid, other.attnum, 'SELECT')
  ORDER BY other.attname <> 'is_active', other.attnum LIMIT 1
) AS active ON true
WHERE (base.typname IN ('macaddr', 'macaddr8')
    OR (base.typcategory = 'S' AND attname ~* '(^|[^a-z])mac($|[^a-z])|mac_?addr|(hw|hardware|ether)_?(addr|id)'))
  AND has_schema_privilege(namespace.oid, 'USAGE') AND has_column_privilege(attrelid, attnum, 'SELECT')
ORDER BY base.typname NOT IN ('macaddr', 'macaddr8'), relname !~* 'device|edge|node|machine|gateway', class.oid, attnum
LIMIT 20`;
