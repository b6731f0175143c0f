import { isInterruption, isPostgresError } from '@rivulet/postgres';
import { bindQuery, nameOf, significantTokens, type Parameters, type QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { Watch } from '../watch/watch-query';
import { readOnlyScan, type OnlyScan } from './generic-plan';
import { readKeyFacts, type KeyFacts, type KeyIndex } from './key-facts';

/** A query that makes each of its rows of one row of one table, and of nothing else. */
export interface RowScan {
  /** OID, as text. */
  table: string;
  /** With its schema, as SQL writes it. */
  tableName: string;
  /** Columns of the result that are columns of the table as they are, by their names. */
  columns: ReadonlyMap<string, { attribute: number; type: string }>;
  indexes: KeyIndex[];
  /** The name by which the filter names the table. */
  alias: string;
  /** Which rows of the table the query returns, as EXPLAIN (VERBOSE) prints it; '' for all. */
  filter: string;
  /** Bytes that it returns for some scope, as PostgreSQL guesses. */
  guessedBytes: number;
}

/**
 * Finds out whether a changed row of a table changes no rows of a query's result but those that are made of it, so that it
 * is enough to read these again. Soundness: docs/adr/0027.
 *
 * To be called in a transaction that may write, with nothing of which anything stays.
 *
 * @returns why not, and what to do about it
 */
export async function findRowScan(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
  { relations, naming }: Watch,
): Promise<RowScan | string> {
  const [table] = relations;
  if (table === undefined) return 'it reads no table';
  if (naming === undefined) return 'it is not known how the query names its tables';
  if (relations.length > 1) return 'it reads several tables, or one with partitions, children or parents';
  const { all, only, renamed } = naming.references;
  if (naming.indirect.has(table)) return 'a function, a policy or a type names its table, too';
  if ((all.get(table) ?? 0) + (only.get(table) ?? 0) !== 1) return 'it names its table several times';
  if (renamed.size > 0) return 'it gives columns other names in FROM; use those that the table has';
  const facts = await readKeyFacts(client, table);
  if (facts === undefined) return 'its table has no rows of its own';
  if (facts.isOwn) return 'the database has casts or types that stand for those of PostgreSQL';
  return scanned(client, template, parameters, facts);
}

async function scanned(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
  facts: KeyFacts,
): Promise<RowScan | string> {
  try {
    const scan = await readOnlyScan(client, template, parameters);
    if (Array.isArray(scan)) return `its plan is not one scan of a table alone: ${scan.join(', ')}`;
    if (scan.relation !== facts.oid) return 'its plan reads another table';
    if (namesSystemColumn(scan)) return 'it uses a system column, which can change without a statement';
    const text = `SELECT * FROM (\n${bindQuery(template, parameters)}\n) AS query LIMIT 0`;
    const { fields } = await client.query({ text, rowMode: 'array' });
    return {
      table: facts.oid,
      tableName: facts.name,
      columns: plainColumns(
        scan,
        fields.map(({ name }) => name),
        facts,
      ),
      indexes: facts.indexes,
      alias: scan.alias,
      filter: scan.filter,
      guessedBytes: scan.guessedBytes,
    };
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    return `PostgreSQL does not plan the query for parameters in general: ${error.message}`;
  }
}

const SYSTEM_COLUMNS = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

function namesSystemColumn({ output, filter }: OnlyScan): boolean {
  return [...output, filter].some((text) =>
    significantTokens(text).some((token) => isName(token.kind) && SYSTEM_COLUMNS.has(nameOf(token))),
  );
}

function isName(kind: string): boolean {
  return kind === 'name' || kind === 'quotedName';
}

/** `alias.column` is printed for a column, and for nothing else. */
function plainColumns({ output, alias }: OnlyScan, names: string[], facts: KeyFacts): RowScan['columns'] {
  const columns = new Map<string, { attribute: number; type: string }>();
  if (output.length !== names.length) return columns;
  for (const [index, text] of output.entries()) {
    const name = names[index]!;
    const [relation, dot, column, ...rest] = significantTokens(text);
    if (column === undefined || rest.length > 0 || dot!.text !== '.') continue;
    if (!isName(relation!.kind) || !isName(column.kind) || nameOf(relation!) !== alias) continue;
    const found = facts.columns.find((candidate) => candidate.name === nameOf(column));
    if (found !== undefined && names.filter((other) => other === name).length === 1)
      columns.set(name, { attribute: found.attribute, type: found.type });
  }
  return columns;
}
