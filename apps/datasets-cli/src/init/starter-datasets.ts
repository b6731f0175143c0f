import { inUndoneSavepoint, isInterruption, isPostgresError } from '@rivulet/postgres';
import { DEFAULT_SCHEMA, isReservedSchema, MANIFEST_MAX_TABLES, NAME_MAX_BYTES } from '@rivulet/protocol';
import {
  describeQuery,
  QueryTextError,
  type DescribedColumn,
  type KnownTypes,
  type QueryTemplate,
} from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { SourceColumn, SourceTable } from './source-tables';

/** A dataset that sends a whole table. */
export interface StarterDataset {
  name: string;
  /** The mirror's schema, if it is not `public`. */
  schema: string | undefined;
  /** The mirror's name, if it is not the dataset's. */
  table: string | undefined;
  key: string[];
  /** The select list. */
  columns: string[];
  /** The FROM clause. */
  from: string;
  /** Comments for the file. */
  remarks: string[];
}

/** A table that cannot be sent as it is. */
export interface LeftOut {
  table: SourceTable;
  reason: string;
  /** The dataset without a key, if that is all it lacks. */
  draft?: StarterDataset;
}

export interface StarterDatasets {
  datasets: StarterDataset[];
  leftOut: LeftOut[];
}

/** Plans a dataset for each table with a key. @param keys the keys that the user has specified */
export async function planDatasets(
  client: ClientBase,
  tables: SourceTable[],
  keys: ReadonlyMap<SourceTable, string[]>,
  tell?: (tables: number) => void,
): Promise<StarterDatasets> {
  const datasets: StarterDataset[] = [];
  const leftOut: LeftOut[] = [];
  const names = new Set<string>();
  const types: KnownTypes = new Map();
  for (const [index, table] of tables.entries()) {
    tell?.(index);
    const key = keys.get(table) ?? table.keys[0];
    const reason = reasonAgainst(table, key, datasets.length);
    const columns = reason ?? (await describeTable(client, table, types));
    if (typeof columns === 'string') {
      leftOut.push({ table, reason: columns });
      continue;
    }
    const unsorted = columns.find((column) => key?.includes(column.name) && column.sortedByEncoding);
    if (unsorted !== undefined) {
      leftOut.push({ table, reason: reasonOfEncoding(unsorted) });
      continue;
    }
    const dataset = planDataset(table, key ?? [], columns, chooseName(table, names));
    if (key === undefined) leftOut.push({ table, reason: VIEW_WITHOUT_KEY, draft: dataset });
    else datasets.push(dataset);
  }
  return { datasets, leftOut };
}

const VIEW_WITHOUT_KEY = 'a view has no primary key. Choose key columns in the file, or with --key.';

function reasonAgainst(table: SourceTable, key: string[] | undefined, before: number): string | undefined {
  if (table.extension !== null) {
    return `it belongs to the extension ${table.extension}. Add a dataset for it if devices need it.`;
  }
  const { role, qualified, quotedSchema } = table;
  if (!table.isReachable) {
    return `this role may not use its schema. The owner can run: GRANT USAGE ON SCHEMA ${quotedSchema} TO ${role}`;
  }
  if (table.columns.length === 0) return 'it has no columns.';
  if (!table.columns.some(({ isReadable }) => isReadable)) {
    return `this role may not read it. Its owner can run: GRANT SELECT ON ${qualified} TO ${role}`;
  }
  if (key === undefined && !table.isView) {
    return 'it has no primary key and no unique index without NULLs. Add one, or specify columns with --key.';
  }
  const unread = key?.find(
    (name) => !table.columns.some((column) => column.name === name && column.isReadable),
  );
  if (unread !== undefined) {
    return (
      `this role may not read ${JSON.stringify(unread)} of its key. ` +
      `Its owner can run: GRANT SELECT ON ${qualified} TO ${role}`
    );
  }
  return before < MANIFEST_MAX_TABLES ? undefined : `there are ${MANIFEST_MAX_TABLES} datasets already.`;
}

/** The columns, or why there are none: besides privileges, a policy or the server of a foreign partition may refuse the query. */
async function describeTable(
  client: ClientBase,
  table: SourceTable,
  types: KnownTypes,
): Promise<DescribedColumn[] | string> {
  try {
    return await inUndoneSavepoint(client, () => describeQuery(client, templateOf(table), new Map(), types));
  } catch (error) {
    const { cause } = error as Error;
    if (!(error instanceof QueryTextError) || !isPostgresError(cause)) throw error;
    if (isInterruption(cause)) throw cause;
    return `PostgreSQL rejects it: ${cause.message}.`;
  }
}

function reasonOfEncoding({ name }: DescribedColumn): string {
  return (
    `${JSON.stringify(name)} is in its key, and this database's encoding does not sort text as UTF-8 does. ` +
    `Add a dataset with convert_to(…, 'UTF8') in the key.`
  );
}

function planDataset(
  table: SourceTable,
  key: string[],
  described: DescribedColumn[],
  name: string,
): StarterDataset {
  const readable = table.columns.filter(({ isReadable }) => isReadable);
  const remarks: string[] = [];
  const columns = described.map((column, index) => {
    const { sql } = readable[index]!;
    const reason = reasonToCast(column, key.includes(column.name));
    if (reason === undefined) return sql;
    remarks.push(`${sql} is sent as text: ${reason}`);
    return `${sql}::${column.type.endsWith('[]') ? 'text[]' : 'text'} AS ${sql}`;
  });
  for (const { sql, isReadable } of table.columns) {
    if (!isReadable) remarks.push(`${sql} is left out: this role may not read it.`);
  }
  if (table.hasChildren)
    remarks.push('Other tables inherit from this one. Their rows are not in this dataset.');
  if (table.isRowSecured)
    remarks.push('Row security hides some rows from this role and therefore from every device.');
  return { name, ...placeOf(table, name), key, columns, from: fromClause(table), remarks };
}

function reasonToCast(column: DescribedColumn, isKey: boolean): string | undefined {
  if (column.refusal !== undefined) return `its type ${column.sourceType} cannot be carried exactly.`;
  if (isKey && !column.sortedAlike) {
    return `it is in the key, and the sort order of its type ${column.sourceType} differs between databases.`;
  }
  return undefined;
}

function templateOf(table: SourceTable): QueryTemplate {
  const columns = table.columns.filter(({ isReadable }) => isReadable).map(({ sql }: SourceColumn) => sql);
  return { texts: [`SELECT ${columns.join(', ')} FROM ${fromClause(table)}`], parameters: [] };
}

function fromClause({ sql, hasChildren }: SourceTable): string {
  return hasChildren ? `ONLY ${sql}` : sql;
}

/** The mirror keeps the schema and name of the table, so that tables of the same name stay apart. */
function placeOf(table: SourceTable, name: string): Pick<StarterDataset, 'schema' | 'table'> {
  if (isReservedSchema(table.schema)) return { schema: undefined, table: undefined };
  return {
    schema: table.schema === DEFAULT_SCHEMA ? undefined : table.schema,
    table: table.name === name ? undefined : table.name,
  };
}

/** The table's name; if it is already used, with the schema and perhaps a number. */
function chooseName({ schema, name }: SourceTable, taken: Set<string>): string {
  let chosen = name;
  for (let number = 1; taken.has(chosen); number++) {
    const ending = number === 1 ? '' : `_${number}`;
    chosen = cutBytes(`${schema}_${name}`, NAME_MAX_BYTES - ending.length) + ending;
  }
  taken.add(chosen);
  return chosen;
}

function cutBytes(text: string, bytes: number): string {
  return Buffer.from(text)
    .toString('utf8', 0, bytes)
    .replace(/\uFFFD+$/, '');
}
