import { inUndoneSavepoint, isInterruption, isPostgresError } from '@rivulet/postgres';
import { significantTokens, type Parameters, type QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { Watch } from '../watch/watch-query';
import { canCompare } from './comparable-types';
import { FIRST_PARAMETER, parameterNames } from './generic-plan';
import { findRowScan, type RowScan } from './row-scan';
import { filterTerms, scanConditions } from './scan-conditions';
import { readSurroundings, readTableFacts, type ColumnFacts } from './table-facts';
import { areDeterministic } from './track-query';

/** Which rows of a table are rows of a query, by nothing but what stands in them. */
export interface RowSelection {
  /** The table, with its schema, as SQL writes it. */
  tableName: string;
  /** An SQL condition on its columns by their names, whatever the search_path; undefined: all rows meet it. */
  condition: string | undefined;
  /** The columns of the query, which are columns of the table as they are: the table's names by the query's. */
  columns: ReadonlyMap<string, string>;
  /** The columns of the table that parameters are equal to, or have as an element, by the names of the parameters. */
  parameters: ReadonlyMap<string, string>;
}

/** Thrown with the reason why there is no such selection. */
class NotByRow extends Error {}

/**
 * Finds out by which condition on a row of its only table a query has that row, for the values of its parameters that the row
 * itself names: what findRowScan() finds, with a condition that PostgreSQL takes as the predicate of an index. It depends on
 * nothing but the row, then.
 *
 * To be called in a transaction that may write, with nothing of which anything stays.
 *
 * @returns why not
 */
export async function findRowSelection(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
  watch: Watch,
): Promise<RowSelection | string> {
  if (watch.hasWholeRow !== false) return 'it makes one value of a whole row';
  const scan = await findRowScan(client, template, parameters, watch);
  if (typeof scan === 'string') return scan;
  const terms = filterTerms(scan.filter);
  if (terms === undefined) return 'its condition is not understood';
  try {
    const facts = (await readTableFacts(client, [scan.table])).get(scan.table)!;
    const canCompareTexts = await areTextsComparable(client, watch);
    const byParameter = new Map<string, string>();
    for (const term of terms.filter(hasParameter)) {
      const [name, column] = parameterOf(term, scan, facts.columns, {
        names: parameterNames(template),
        parameters,
        canCompareTexts,
      });
      if (byParameter.has(name)) throw new NotByRow(`it compares :${name} twice`);
      byParameter.set(name, column);
    }
    const others = terms.filter((term) => !hasParameter(term));
    return {
      tableName: scan.tableName,
      condition: others.length === 0 ? undefined : await qualified(client, scan, others),
      columns: namedColumns(scan, facts.columns),
      parameters: byParameter,
    };
  } catch (error) {
    if (error instanceof NotByRow) return error.message;
    throw error;
  }
}

function hasParameter(term: string): boolean {
  return significantTokens(term).some(({ kind }) => kind === 'positionalParameter');
}

async function areTextsComparable(client: ClientBase, { definitions }: Watch): Promise<boolean> {
  const { obstacle, isUtf8 } = await readSurroundings(client);
  if (obstacle !== undefined) throw new NotByRow(obstacle);
  return isUtf8 && (await areDeterministic(client, definitions.get('collation') ?? new Set()));
}

interface Given {
  names: string[];
  parameters: Parameters;
  canCompareTexts: boolean;
}

/** A parameter, and the column that one of its conditions compares it with. */
function parameterOf(
  term: string,
  { alias }: RowScan,
  columns: readonly ColumnFacts[],
  { names, parameters, canCompareTexts }: Given,
): [string, string] {
  const [condition] = scanConditions(term, alias);
  const [value] = condition?.values ?? [];
  const name = value === undefined ? undefined : names[value.number - FIRST_PARAMETER];
  const column = columns.find((candidate) => candidate.name === condition?.column);
  if (condition?.values.length !== 1 || name === undefined || column === undefined) {
    throw new NotByRow(
      'a condition with a parameter is not of the form "column = :parameter" or "column = ANY (:parameter)"',
    );
  }
  const { type } = parameters.get(name)!;
  if (
    !canCompare(
      { column, columnCast: condition.columnCast, parameterType: type, value: value! },
      canCompareTexts,
    )
  ) {
    throw new NotByRow(
      `it compares ${column.name} of type ${column.typeName} with :${name} in a way in which equal values can look different`,
    );
  }
  return [name, column.name];
}

function namedColumns({ columns }: RowScan, facts: readonly ColumnFacts[]): Map<string, string> {
  return new Map(
    [...columns].flatMap(([name, { attribute }]) => {
      const column = facts.find((candidate) => candidate.attribute === attribute);
      return column === undefined ? [] : [[name, column.name] as const];
    }),
  );
}

/**
 * The condition as the predicate of an index on a table with the same columns: PostgreSQL refuses there what depends on
 * anything but the row, and prints it with the schema of whatever is not its own.
 */
async function qualified(
  client: ClientBase,
  { alias, tableName }: RowScan,
  terms: string[],
): Promise<string> {
  const table = `pg_temp."${alias.replaceAll('"', '""')}"`;
  try {
    return await inUndoneSavepoint(client, async () => {
      await client.query(`CREATE TEMP TABLE ${table} (LIKE ${tableName})`);
      await client.query(`CREATE INDEX rivulet_selection ON ${table} ((1)) WHERE ${terms.join(' AND ')}`);
      await client.query(`SELECT set_config('search_path', 'pg_catalog', true)`);
      const { rows } = await client.query<{ condition: string; foreign: string | null }>(predicate);
      const { condition, foreign } = rows[0]!;
      if (foreign !== null)
        throw new NotByRow(`its condition uses ${foreign}, which is not PostgreSQL's own`);
      return condition;
    });
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    throw new NotByRow(`PostgreSQL does not take its condition as one of the row alone (${error.message})`);
  }
}

/** The dependencies on PostgreSQL's own functions and operators are not recorded. */
const predicate = `
SELECT pg_get_expr(indpred, indrelid) AS condition,
  (SELECT min(pg_describe_object(refclassid, refobjid, refobjsubid)) FROM pg_depend
   WHERE classid = 'pg_class'::regclass AND objid = indexrelid AND refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)) AS foreign
FROM pg_index WHERE indexrelid = to_regclass('pg_temp.rivulet_selection')`;
