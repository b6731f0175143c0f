import type { ClientBase } from 'pg';

/** Which rows of the table a dataset has, and its columns. A condition is an SQL text; names of the table by those of the dataset. */
export interface NotedSelection {
  condition: string | undefined;
  columns: Record<string, string>;
}

/** A table whose changed rows are noted, and what of a row is. */
export interface NotedTable {
  /** As SQL writes it, with or without its schema. */
  table: string;
  /** Columns whose values a topic is made of. */
  topic: readonly string[];
  /** Columns that tell a row from all others; of a selection, as the dataset names them. */
  key: readonly string[];
  /** Columns that travel with it, beside the key, named as the key is. */
  columns: readonly string[];
  /** Undefined: all rows of the table. */
  selection?: NotedSelection;
}

/** The source's description of such a table. */
export interface TableFacts {
  oid: string | null;
  name: string;
  role: string;
  /** The kind of a table whose triggers do not see each change. */
  obstacle: string | null;
  missing: string[];
  isKey: boolean;
  mayInstall: boolean;
  isNoted: boolean;
  /** What notes say by which they are told from those of another such entry. */
  rule: string;
}

/** @returns the facts of each, in the order given */
export async function readTableFacts(
  client: ClientBase,
  tables: readonly NotedTable[],
): Promise<TableFacts[]> {
  const facts: TableFacts[] = [];
  for (const noted of tables) {
    const { table, topic, key, columns } = noted;
    const { rows } = await client.query<TableFacts>(tableFacts, [
      table,
      topic,
      ownNames(noted, key),
      ownNames(noted, columns),
      key,
      columns,
      selectionOf(noted),
    ]);
    facts.push(rows[0]!);
  }
  return facts;
}

/** As rivulet.note_rows() takes it. */
export function selectionOf({ selection }: NotedTable): string | null {
  return selection === undefined ? null : JSON.stringify(selection);
}

/** The names that columns have in the table. */
function ownNames({ selection }: NotedTable, names: readonly string[]): string[] {
  return names.map((name) => selection?.columns[name] ?? name);
}

/** Why the changed rows of a table cannot be noted, and what to do about it. */
export function whyNotNoted(wanted: NotedTable, facts: TableFacts): string | undefined {
  const { table, topic, columns } = wanted;
  const key = ownNames(wanted, wanted.key);
  const { oid, obstacle, missing, isKey, mayInstall, name } = facts;
  if (oid === null) return `the source has no table ${table} that central may see`;
  if (obstacle !== null) return `${obstacle}; name a plain table instead`;
  if (missing.length > 0) return `the table ${name} has no column ${missing.join(', ')}`;
  if (!isKey) {
    return (
      `${key.join(', ')} is no key of the table ${name}; name the columns of its primary key, or of a unique index that is ` +
      'not deferrable and whose columns are NOT NULL'
    );
  }
  if (mayInstall) return undefined;
  const lists = [topic, wanted.key, columns].map((names) => `{${names.map((one) => `"${one}"`).join(',')}}`);
  const literals = [name, ...lists, selectionOf(wanted)].map((text) =>
    text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`,
  );
  return (
    `central may not make the triggers for it; let the owner of the table ${name} and of the change log run: ` +
    `SELECT rivulet.note_rows(${literals.join(', ')})`
  );
}

/** Statement triggers see what is written to the table itself, but neither through its parent nor to its partitions. */
const tableFacts = `
WITH wanted AS (
  SELECT to_regclass($1)::oid AS oid
)
SELECT class.oid::text AS oid, CASE WHEN class.oid IS NULL THEN $1 ELSE format('%s.%s', quote_ident(nspname), quote_ident(relname)) END AS name, quote_ident(current_user) AS role,
  CASE
    WHEN nspname IN ('pg_catalog', 'information_schema', 'rivulet') THEN class.oid::regclass || ' is no table of yours'
    WHEN relkind = 'p' OR relispartition THEN class.oid::regclass || ' is partitioned, or a partition, which triggers of statements do not see whole'
    WHEN relkind <> 'r' THEN class.oid::regclass || ' is no plain table'
    WHEN EXISTS (SELECT FROM pg_inherits WHERE class.oid IN (inhrelid, inhparent)) THEN class.oid::regclass || ' inherits, or is inherited'
    WHEN relpersistence = 'u' THEN class.oid::regclass || ' is unlogged, and a crash empties it'
    WHEN relpersistence = 't' THEN class.oid::regclass || ' is temporary'
    WHEN EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = class.oid) THEN class.oid::regclass || ' is filled by logical replication, which fires no triggers of statements'
  END AS obstacle,
  ARRAY(
    SELECT DISTINCT name FROM unnest($2::text[] || $3::text[] || $4::text[]) AS name
    WHERE NOT EXISTS (
      SELECT FROM pg_attribute WHERE attrelid = class.oid AND attname = name AND attnum > 0 AND NOT attisdropped AND attgenerated <> 'v')
  ) AS missing,
  EXISTS (
    SELECT FROM pg_index WHERE indrelid = class.oid AND indisunique AND indimmediate AND indisvalid AND indpred IS NULL AND indexprs IS NULL
      AND NOT EXISTS (
        SELECT FROM unnest(indkey[0:indnkeyatts - 1]) AS number JOIN pg_attribute ON attrelid = class.oid AND attnum = number
        WHERE NOT attnotnull OR attname <> ALL ($3::text[]))
  ) AS "isKey",
  coalesce(pg_has_role(relowner, 'USAGE') AND has_schema_privilege('rivulet', 'CREATE')
    AND has_table_privilege('rivulet.changed_rows', 'SELECT, INSERT'), false)
    OR rivulet.notes_rows(class.oid, $2, $5, $6, $7) AS "mayInstall",
  rivulet.notes_rows(class.oid, $2, $5, $6, $7) AS "isNoted",
  rivulet.row_rule($2, $5, $6, $7) AS rule
FROM wanted LEFT JOIN pg_class class ON class.oid = wanted.oid
LEFT JOIN pg_namespace ON pg_namespace.oid = relnamespace`;
