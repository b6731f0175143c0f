import type { ClientBase } from 'pg';
import { TRIGGER_NAME } from './change-log/change-log-schema';

/** The triggers of a table, and what central may do about them. */
export interface TableTriggers {
  oid: string;
  /** With its schema, as SQL writes it. */
  name: string;
  /** Whether each change of it is noted, in one way or the other. */
  isNoted: boolean;
  /** The attributes by whose values changes are noted. */
  columns: number[];
  mayTrigger: boolean;
  mayNoteValues: boolean;
  /** Whether it has the trigger, and only its owner can have it fire always. */
  isNotAlways: boolean;
  role: string;
}

export async function readTriggers(client: ClientBase, relations: string[]): Promise<TableTriggers[]> {
  if (relations.length === 0) return [];
  const { rows } = await client.query<TableTriggers>(triggers, [relations, TRIGGER_NAME]);
  return rows;
}

/** INSERT, UPDATE, DELETE and TRUNCATE are the bits 4, 16, 8 and 32 of tgtype; 1 is FOR EACH ROW. */
const triggers = `
SELECT class.oid::text AS oid, format('%I.%I', nspname, relname) AS name, columns, quote_ident(current_user) AS role,
  cardinality(columns) > 0 OR coalesce(is_each_change AND tgenabled = 'A', false) AS "isNoted",
  has_table_privilege(class.oid, 'TRIGGER') AS "mayTrigger",
  pg_has_role(relowner, 'USAGE') AND has_schema_privilege('rivulet', 'CREATE')
    AND has_table_privilege('rivulet.changed_values', 'INSERT') AS "mayNoteValues",
  coalesce(is_each_change AND tgenabled = 'O', false) AND NOT pg_has_role(relowner, 'USAGE') AS "isNotAlways"
FROM pg_class class JOIN pg_namespace ON pg_namespace.oid = relnamespace
CROSS JOIN LATERAL (SELECT rivulet.noted_columns(class.oid) AS columns) AS noted
LEFT JOIN LATERAL (
  SELECT tgenabled, tgfoid = to_regprocedure('rivulet.note_change()') AND tgtype & 61 = 60 AS is_each_change
  FROM pg_trigger WHERE tgrelid = class.oid AND tgname = $2
) AS trigger ON true
WHERE class.oid = ANY ($1::oid[])
ORDER BY class.oid`;
