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
    throw new RivuletError('DATASETS_FILE_INVALID', `The datasets file ${path} cannot be read.`, {
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
  const given: Parameters = new Map([[SCOPE_PARAMETER, { type: 'text', value: null }]]);
  const columns = await describe(client, scope, given, 'the scope query');
  const names = columns.map((column) => column.name);
  if (!names.includes(SCOPE_DEVICE_COLUMN)) {
    throw invalid(scope.placeOf(0), `the scope query must return a column ${SCOPE_DEVICE_COLUMN}`);
  }
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw invalid(scope.placeOf(0), `the scope query returns ${repeated} twice`);
  return new Map(
    columns.map((column): [string, ParameterValue] => [
      column.name,
      { type: column.sourceType, value: null },
    ]),
  );
}

async function describeDataset(
  client: ClientBase,
  definition: DatasetDefinition,
  parameters: Parameters,
): Promise<Dataset> {
  const what = `dataset ${definition.name}`;
  const described = await describe(client, definition.query, parameters, what);
  const byName = new Map(described.map((column) => [column.name, column]));
  if (byName.size !== described.length) {
    const names = described.map((column) => column.name);
    const repeated = names.find((name, index) => names.indexOf(name) !== index)!;
    throw invalid(
      definition.place,
      `${what} returns column ${repeated} twice; give one of them another name with AS`,
    );
  }
  for (const column of described) {
    if (column.refusal === undefined) continue;
    throw invalid(
      definition.place,
      `${what} has column ${column.name}, and ${column.refusal}; cast it in the query, for example to text`,
    );
  }
  const missing = [...definition.key, ...definition.indexes.flat()].find((name) => !byName.has(name));
  if (missing !== undefined) {
    const known = [...byName.keys()].join(', ');
    throw invalid(
      definition.place,
      `${what} has no column ${missing} for its key or index; it returns ${known}`,
    );
  }
  const keyColumns = definition.key.map((name) => byName.get(name)!);
  const columns = [...keyColumns, ...described.filter((column) => !keyColumns.includes(column))];
  const schema: TableSchema = {
    name: definition.name,
    table: definition.table,
    columns: columns.map(({ name, type }) => ({ name, type })),
    key: definition.key,
    indexes: definition.indexes,
  };
  return { definition, schema, fingerprint: schemaFingerprint(schema), columns };
}

async function describe(
  client: ClientBase,
  query: QueryDefinition,
  parameters: Parameters,
  what: string,
): Promise<DescribedColumn[]> {
  refuseUnknownParameters(query, parameters, what);
  try {
    return await describeQuery(client, query.template, parameters);
  } catch (error) {
    if (!(error instanceof QueryTextError)) throw error;
    throw invalid(query.placeOf(error.offset), `PostgreSQL refuses ${what}: ${error.message}`);
  }
}

function refuseUnknownParameters(query: QueryDefinition, parameters: Parameters, what: string): void {
  const { texts, parameters: used } = query.template;
  const index = used.findIndex((name) => !parameters.has(name));
  if (index === -1) return;
  const offset = offsetOfParameter(query.template, index);
  const known = [...parameters.keys()].map((name) => `:${name}`).join(', ');
  throw invalid(
    query.placeOf(offset),
    `${what} uses the unknown parameter :${used[index]}; known are ${known}` +
      (texts.length > 0 && what !== 'the scope query' ? ', the columns of the scope query' : ''),
  );
}

function offsetOfParameter(template: QueryTemplate, index: number): number {
  let offset = 0;
  for (let part = 0; part < index; part++)
    offset += template.texts[part]!.length + template.parameters[part]!.length + 1;
  return offset + template.texts[index]!.length;
}

function invalid(place: string, problem: string): RivuletError {
  return new RivuletError('DATASETS_FILE_INVALID', `${place}: ${problem}.`);
}
