import { createHash } from 'node:crypto';
import { inUndoneSavepoint, isPostgresError, isTransientRefusal } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { schemaFingerprint, type TableSchema } from '@rivulet/protocol';
import {
  describeQuery,
  QueryTextError,
  type DescribedColumn,
  type KnownTypes,
  type Parameters,
  type ParameterValue,
  type QueryTemplate,
} from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { DatasetDefinition, QueryDefinition } from '../file/datasets-file';
import { didYouMean, FileProblem, type FileProblems } from '../file/file-problems';
import { mirrorOptionsOf } from '../file/mirror-options';
import { hintFor } from './refusal-hint';
import { whyAlone } from './why-alone';

/** A dataset that PostgreSQL has described. */
export interface Dataset {
  definition: DatasetDefinition;
  schema: TableSchema;
  fingerprint: string;
  /** The columns that are sent, with the key's first. */
  columns: DescribedColumn[];
  /** Names of columns that the query returns and that `columns` in the file does not name. */
  unsent: string[];
  queryId: string;
  /** Why its rows are read scope by scope; undefined when those of many scopes are read in one statement. */
  alone: string | undefined;
}

export interface ScopeDefinition {
  query: QueryDefinition;
  /** The scope's columns by name, with their types and no values: the parameters that datasets may use. */
  columns: Parameters;
}

/** The parameters of the scope query, as it is described and planned: what central's registry knows of the device. */
export const SCOPE_PARAMETERS: Parameters = new Map(
  ['mac_address', 'device_id', 'device_name'].map((name) => [name, { type: 'text', value: null }]),
);

/** The columns of the scope that Rivulet itself reads: the device's identifier, and whether it may sync. */
export const SCOPE_DEVICE_COLUMN = 'device_id';
export const SCOPE_ACTIVE_COLUMN = 'is_active';

/** Names that every table already has. https://www.postgresql.org/docs/current/ddl-system-columns.html */
const SYSTEM_COLUMNS = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

/** Identifies a query by its text and the types of its parameters. */
export function queryIdOf(template: QueryTemplate, parameters: Parameters): string {
  const types = template.parameters.map((name) => [name, parameters.get(name)!.type]);
  return createHash('sha256')
    .update(JSON.stringify([template.texts, types]))
    .digest('hex');
}

/** The parameters of the datasets; undefined if they cannot be determined. @throws FileProblem */
export async function describeScope(
  client: ClientBase,
  scope: QueryDefinition,
  problems: FileProblems,
  known: KnownTypes,
): Promise<Parameters | undefined> {
  const what = 'the scope query';
  const start = scope.placeOf(0);
  const isGiven = findUnknownParameters(scope, SCOPE_PARAMETERS, problems, (name) => {
    const given = [...SCOPE_PARAMETERS.keys()];
    return `${what} uses :${name}; its parameters are ${listed(given.map((other) => `:${other}`))}${didYouMean(name, given)}`;
  });
  if (!isGiven) return undefined;
  if (scope.template.parameters.length === 0) {
    problems.add(
      start,
      `${what} uses none of its parameters, so every device would get the same rows; add a condition on :mac_address`,
    );
  }
  const columns = await describe(client, scope, SCOPE_PARAMETERS, what, known);
  findRepeated(columns, start, what, problems);
  const types = new Map(columns.map((column) => [column.name, column.sourceType]));
  if (!types.has(SCOPE_DEVICE_COLUMN)) {
    const names = [...types.keys()];
    problems.add(
      start,
      `${what} must return a column ${SCOPE_DEVICE_COLUMN}; it returns ${listed(names)}. ` +
        `Return the identifier of the device under that name: SELECT … AS ${SCOPE_DEVICE_COLUMN}`,
    );
  }
  const active = types.get(SCOPE_ACTIVE_COLUMN);
  if (active !== undefined && active !== 'boolean') {
    problems.add(start, `${SCOPE_ACTIVE_COLUMN} of ${what} is of type ${active}; it must be boolean`);
  }
  return new Map([...types].map(([name, type]): [string, ParameterValue] => [name, { type, value: null }]));
}

/** The dataset; undefined if there is a problem with it. @throws FileProblem */
export async function describeDataset(
  client: ClientBase,
  definition: DatasetDefinition,
  parameters: Parameters,
  problems: FileProblems,
  types: KnownTypes,
): Promise<Dataset | undefined> {
  const { name, table, key, indexes, query } = definition;
  const what = `dataset ${name}`;
  const known = [...parameters.keys()];
  const isGiven = findUnknownParameters(query, parameters, problems, (parameter) => {
    const given = listed(known.map((other) => `:${other}`));
    return (
      `${what} uses :${parameter}, which the scope query does not return; it returns ${given}` +
      didYouMean(parameter, known)
    );
  });
  if (!isGiven) return undefined;
  const returned = await describe(client, query, parameters, `the query of ${what}`, types);
  const described = sentColumns(definition, returned);
  const unsent = returned.filter((column) => !described.includes(column)).map((column) => column.name);
  const isSingle = findRepeated(described, query.placeOf(0), `the query of ${what}`, problems);
  const isThere = findMissingColumns(definition, returned, problems);
  if (!isThere || !findUnfitColumns(definition, described, problems) || !isSingle) return undefined;
  const byName = new Map(described.map((column) => [column.name, column]));
  const keyColumns = key.map((column) => byName.get(column)!);
  const columns = [...keyColumns, ...described.filter((column) => !keyColumns.includes(column))];
  const schema: TableSchema = {
    name,
    table,
    columns: columns.map(({ name: columnName, type }) => ({ name: columnName, type })),
    key,
    indexes,
    ...mirrorOptionsOf(definition),
  };
  const queryId = queryIdOf(query.template, parameters);
  const alone = await whyAlone(client, {
    template: query.template,
    parameters,
    columns,
    keyColumns: key.length,
  });
  return { definition, schema, fingerprint: schemaFingerprint(schema), columns, unsent, queryId, alone };
}

/** The columns of a query that the file lets through, in the order of the file. */
export function sentColumns(
  { columns }: Pick<DatasetDefinition, 'columns'>,
  returned: DescribedColumn[],
): DescribedColumn[] {
  if (columns === undefined) return returned;
  return columns.flatMap((name) => returned.filter((column) => column.name === name));
}

/** Finds columns that the file names and that the query does not return, or that `columns` leaves out. */
function findMissingColumns(
  { name, key, indexes, columns, placeOfColumn }: DatasetDefinition,
  returned: DescribedColumn[],
  problems: FileProblems,
): boolean {
  if (columns === undefined) return true;
  const names = returned.map((column) => column.name);
  const missing = columns.filter((column) => !names.includes(column));
  for (const column of missing) {
    problems.add(
      placeOfColumn(column),
      `dataset ${name} names column ${column} in its columns, which its query does not return; it returns ` +
        `${listed(names)}${didYouMean(column, names)}`,
    );
  }
  const unlisted = [...new Set([...key, ...indexes.flat()])].filter((column) => !columns.includes(column));
  for (const column of unlisted) {
    const use = key.includes(column) ? 'key' : 'index';
    problems.add(
      placeOfColumn(column),
      `dataset ${name} names column ${column} in its ${use}, and not in its columns; add it to \`columns:\``,
    );
  }
  return missing.length + unlisted.length === 0;
}

/** Finds columns that no mirror can have, and columns that a key or an index cannot have. */
function findUnfitColumns(
  definition: DatasetDefinition,
  described: DescribedColumn[],
  problems: FileProblems,
): boolean {
  const { name, key, indexes, query } = definition;
  let isFit = true;
  const report = (place: string, problem: string): void => {
    problems.add(place, problem);
    isFit = false;
  };
  for (const column of described) {
    const reason = SYSTEM_COLUMNS.has(column.name)
      ? 'which is a reserved name in PostgreSQL; rename it with AS'
      : column.refusal && `and ${column.refusal}; cast it in the query, for example to text`;
    if (reason !== undefined) {
      report(query.placeOf(0), `dataset ${name} has column ${column.name}, ${reason}`);
    }
  }
  for (const column of new Set([...key, ...indexes.flat()])) {
    const use = key.includes(column) ? 'key' : 'index';
    const reason = refuseUse(column, described, use);
    if (reason === undefined) continue;
    report(
      definition.placeOfColumn(column),
      `dataset ${name} names column ${column} in its ${use}, ${reason}`,
    );
  }
  return isFit;
}

function refuseUse(name: string, described: DescribedColumn[], use: 'key' | 'index'): string | undefined {
  const column = described.find((candidate) => candidate.name === name);
  if (column === undefined) {
    const names = described.map((other) => other.name);
    return `which its query does not return; it returns ${listed(names)}${didYouMean(name, names)}`;
  }
  const { type, sortable, sortedAlike } = column;
  if (!sortable) return `and PostgreSQL cannot sort ${type}; leave it out, or cast it in the query`;
  if (sortedAlike || use === 'index') return undefined;
  return `and the sort order of ${type} differs between databases; leave it out, or cast it in the query`;
}

/**
 * Has PostgreSQL describe a query. The transaction stays usable if PostgreSQL rejects it, and lets go of the locks: those of
 * a thousand queries are more than a server has room for.
 *
 * @throws FileProblem · RivuletError DATABASE_UNAVAILABLE when the query is not the cause
 */
async function describe(
  client: ClientBase,
  query: QueryDefinition,
  parameters: Parameters,
  what: string,
  types: KnownTypes,
): Promise<DescribedColumn[]> {
  try {
    return await inUndoneSavepoint(client, () => describeQuery(client, query.template, parameters, types));
  } catch (error) {
    if (!(error instanceof QueryTextError)) throw error;
    const { cause } = error;
    if (isPostgresError(cause) && isTransientRefusal(cause)) {
      const message = `${query.placeOf(0)}: PostgreSQL cannot describe ${what} at the moment: ${error.message}.`;
      throw new RivuletError('DATABASE_UNAVAILABLE', message, { nextStep: 'Try again later.', cause });
    }
    const problem = `PostgreSQL rejects ${what}: ${error.message}`;
    throw new FileProblem(query.placeOf(error.offset), problem + (await hintFor(client, error.message)));
  }
}

/** Reports columns that are returned twice. Returns whether there are none. */
function findRepeated(
  columns: DescribedColumn[],
  place: string,
  what: string,
  problems: FileProblems,
): boolean {
  const names = columns.map((column) => column.name);
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  for (const name of repeated) {
    problems.add(place, `${what} returns column ${name} twice; rename one of them with AS`);
  }
  return repeated.size === 0;
}

/** Reports unknown parameters. Returns whether there are none. */
function findUnknownParameters(
  query: QueryDefinition,
  known: Parameters,
  problems: FileProblems,
  problem: (parameter: string) => string,
): boolean {
  let isKnown = true;
  for (const [index, name] of query.template.parameters.entries()) {
    if (known.has(name)) continue;
    isKnown = false;
    problems.add(query.placeOf(offsetOfParameter(query.template, index)), problem(name));
  }
  return isKnown;
}

function offsetOfParameter({ texts, parameters }: QueryTemplate, index: number): number {
  const before = [...texts.slice(0, index + 1), ...parameters.slice(0, index)].join('').length;
  // Plus one colon for each parameter before it.
  return before + index;
}

function listed(names: readonly string[]): string {
  return names.join(', ') || 'nothing';
}
