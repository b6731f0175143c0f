import { readFile } from 'node:fs/promises';
import { RivuletError, schemaFingerprint, schemaVersion, type TableSchema } from '@rivulet/protocol';
import { inTransaction, withClient } from '@rivulet/postgres';
import {
  describeQuery,
  QueryTextError,
  type DescribedColumn,
  type Parameters,
  type ParameterValue,
  type QueryTemplate,
} from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import {
  parseDatasetsFile,
  type DatasetDefinition,
  type DatasetsFile,
  type QueryDefinition,
} from './datasets-file';
import { invalidFile } from './yaml-node';

/** A dataset that PostgreSQL has described. */
export interface Dataset {
  definition: DatasetDefinition;
  schema: TableSchema;
  fingerprint: string;
  /** The columns, with the key's first. */
  columns: DescribedColumn[];
}

export interface ScopeDefinition {
  query: QueryDefinition;
  /** The scope's columns by name, with their types and no values: the parameters that datasets may use. */
  columns: Parameters;
}

/** What the datasets file says, with what PostgreSQL says of its queries. */
export class DatasetCatalogue {
  readonly schemaVersion: string;

  constructor(
    readonly scope: ScopeDefinition,
    readonly datasets: Dataset[],
  ) {
    this.schemaVersion = schemaVersion(datasets.map((dataset) => dataset.schema));
  }

  /** Reads the file and has the source database describe its queries. @throws RivuletError DATASETS_FILE_INVALID */
  static async load(path: string, source: Pool): Promise<DatasetCatalogue> {
    const file = parseDatasetsFile(path, await readDatasetsFile(path));
    const limits = {
      readOnly: true,
      statementTimeoutMs: 30_000,
      lockTimeoutMs: 5_000,
      idleTimeoutMs: 30_000,
    };
    return withClient(source, (client) => inTransaction(client, limits, () => describeFile(client, file)));
  }
}

/** The parameter that the scope query is given. */
export const SCOPE_PARAMETER = 'mac_address';

/** The columns of the scope that Rivulet itself reads: who the device is, and whether it may sync. */
export const SCOPE_DEVICE_COLUMN = 'device_id';
export const SCOPE_ACTIVE_COLUMN = 'is_active';

async function readDatasetsFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const nextStep = 'Set CENTRAL_DATASETS_FILE to the path of a readable file.';
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new RivuletError('DATASETS_FILE_INVALID', `The datasets file ${path} cannot be read (${reason}).`, {
      cause: error,
      nextStep,
    });
  }
}

async function describeFile(client: ClientBase, file: DatasetsFile): Promise<DatasetCatalogue> {
  const columns = await describeScope(client, file.scope);
  const datasets: Dataset[] = [];
  for (const definition of file.datasets) datasets.push(await describeDataset(client, definition, columns));
  return new DatasetCatalogue({ query: file.scope, columns }, datasets);
}

async function describeScope(client: ClientBase, scope: QueryDefinition): Promise<Parameters> {
  const what = 'the scope query';
  const start = scope.placeOf(0);
  const given: Parameters = new Map([[SCOPE_PARAMETER, { type: 'text', value: null }]]);
  refuseUnknownParameters(
    scope,
    given,
    (name) => `${what} uses :${name}; the only parameter that it is given is :${SCOPE_PARAMETER}`,
  );
  if (scope.template.parameters.length === 0) {
    throw invalidFile(
      start,
      `${what} does not use :${SCOPE_PARAMETER}, so every device would get the same rows; compare its MAC address with it`,
    );
  }
  const columns = await describe(client, scope, given, what);
  const types = new Map(columns.map((column) => [column.name, column.sourceType]));
  if (!types.has(SCOPE_DEVICE_COLUMN)) {
    throw invalidFile(
      start,
      `${what} must return a column ${SCOPE_DEVICE_COLUMN}; it returns ${listed(types.keys())}`,
    );
  }
  const active = types.get(SCOPE_ACTIVE_COLUMN);
  if (active !== undefined && active !== 'boolean') {
    throw invalidFile(start, `${SCOPE_ACTIVE_COLUMN} of ${what} is of type ${active}; it must be boolean`);
  }
  return new Map([...types].map(([name, type]): [string, ParameterValue] => [name, { type, value: null }]));
}

async function describeDataset(
  client: ClientBase,
  definition: DatasetDefinition,
  parameters: Parameters,
): Promise<Dataset> {
  const { name, table, key, indexes, query } = definition;
  const what = `dataset ${name}`;
  const known = listed([...parameters.keys()].map((parameter) => `:${parameter}`));
  refuseUnknownParameters(
    query,
    parameters,
    (parameter) => `${what} uses :${parameter}, which the scope query does not return; it returns ${known}`,
  );
  const described = await describe(client, query, parameters, `the query of ${what}`);
  refuseColumns(definition, described);
  const byName = new Map(described.map((column) => [column.name, column]));
  const keyColumns = key.map((column) => byName.get(column)!);
  const columns = [...keyColumns, ...described.filter((column) => !keyColumns.includes(column))];
  const schema: TableSchema = {
    name,
    table,
    columns: columns.map(({ name: columnName, type }) => ({ name: columnName, type })),
    key,
    indexes,
  };
  return { definition, schema, fingerprint: schemaFingerprint(schema), columns };
}

/** Names that every table has already. https://www.postgresql.org/docs/current/ddl-system-columns.html */
const SYSTEM_COLUMNS = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

/** Refuses columns that no mirror can have, and a key or an index that cannot be of those that there are. */
function refuseColumns(definition: DatasetDefinition, described: DescribedColumn[]): void {
  const { name, key, indexes, query } = definition;
  for (const column of described) {
    const reason = SYSTEM_COLUMNS.has(column.name)
      ? 'a name that PostgreSQL keeps for itself; give it another with AS'
      : column.refusal && `and ${column.refusal}; cast it in the query, for example to text`;
    if (reason !== undefined) {
      throw invalidFile(query.placeOf(0), `dataset ${name} has column ${column.name}, ${reason}`);
    }
  }
  for (const column of new Set([...key, ...indexes.flat()])) {
    const use = key.includes(column) ? 'key' : 'index';
    const reason = refuseUse(column, described, use);
    if (reason !== undefined) {
      const place = definition.placeOfColumn(column);
      throw invalidFile(place, `dataset ${name} names column ${column} in its ${use}, ${reason}`);
    }
  }
}

function refuseUse(name: string, described: DescribedColumn[], use: 'key' | 'index'): string | undefined {
  const column = described.find((candidate) => candidate.name === name);
  if (column === undefined) {
    return `which its query does not return; it returns ${listed(described.map((other) => other.name))}`;
  }
  const { type, sortable, sortedAlike } = column;
  if (!sortable) return `and PostgreSQL does not sort ${type}; leave it out, or cast it in the query`;
  if (sortedAlike || use === 'index') return undefined;
  return `and databases sort ${type} in different ways; leave it out, or cast it in the query`;
}

/** Has PostgreSQL describe a query of the file, which may return no column twice. */
async function describe(
  client: ClientBase,
  query: QueryDefinition,
  parameters: Parameters,
  what: string,
): Promise<DescribedColumn[]> {
  const columns = await describeQuery(client, query.template, parameters).catch((error: unknown) => {
    if (!(error instanceof QueryTextError)) throw error;
    throw invalidFile(query.placeOf(error.offset), `PostgreSQL refuses ${what}: ${error.message}`);
  });
  const names = columns.map((column) => column.name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated === undefined) return columns;
  throw invalidFile(
    query.placeOf(0),
    `${what} returns column ${repeated} twice; give one of them another name with AS`,
  );
}

function refuseUnknownParameters(
  query: QueryDefinition,
  known: Parameters,
  problem: (parameter: string) => string,
): void {
  const { parameters } = query.template;
  const index = parameters.findIndex((name) => !known.has(name));
  if (index === -1) return;
  throw invalidFile(query.placeOf(offsetOfParameter(query.template, index)), problem(parameters[index]!));
}

function offsetOfParameter({ texts, parameters }: QueryTemplate, index: number): number {
  const before = [...texts.slice(0, index + 1), ...parameters.slice(0, index)].join('').length;
  // Each parameter before it has a colon, too.
  return before + index;
}

function listed(names: Iterable<string>): string {
  return [...names].join(', ') || 'nothing';
}
