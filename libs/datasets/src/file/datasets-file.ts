import { DEFAULT_SCHEMA, MANIFEST_MAX_TABLES, TABLE_MAX_COLUMNS } from '@rivulet/protocol';
import { parseQueryTemplate, QueryTextError, type QueryTemplate } from '@rivulet/snapshot';
import { FileProblem, FileProblems } from './file-problems';
import { MIRROR_FIELDS, readMirrorOptions, readName, required, type MirrorOptions } from './mirror-options';
import { YamlNode } from './yaml-node';

/** A query of the file. */
export interface QueryDefinition {
  template: QueryTemplate;
  /** `path:line:column` of the character at `offset` of the query's text. */
  placeOf: (offset: number) => string;
}

export interface DatasetDefinition extends MirrorOptions {
  name: string;
  /** The mirror's table. */
  table: string;
  key: string[];
  indexes: string[][];
  /** The only columns of the query's result that are sent; undefined for all. */
  columns: string[] | undefined;
  query: QueryDefinition;
  /** `path:line:column` of the dataset. */
  place: string;
  /** `path:line:column` of each index. */
  indexPlaces: string[];
  /** `path:line:column` of a column where the key, an index or `columns` names it first. */
  placeOfColumn: (name: string) => string;
}

/** The readable part of a datasets file, before PostgreSQL has described its queries. */
export interface DatasetsFile {
  scope: QueryDefinition | undefined;
  datasets: DatasetDefinition[];
}

/** PostgreSQL's INDEX_MAX_KEYS. */
const INDEX_MAX_COLUMNS = 32;

const FILE_FIELDS = ['version', 'scope', 'datasets'] as const;
const SCOPE_FIELDS = ['query'] as const;
const DATASET_FIELDS = ['name', 'table', 'key', 'query', 'columns', 'indexes', ...MIRROR_FIELDS] as const;

/** Reads as much as possible, and adds a problem to `problems` for everything else. */
export function parseDatasetsFile(path: string, source: string, problems: FileProblems): DatasetsFile {
  const file: DatasetsFile = { scope: undefined, datasets: [] };
  problems.attempt(() => {
    const root = YamlNode.parse(path, source, problems);
    const fields = root.fields('the file', FILE_FIELDS, { mayExtend: true });
    problems.attempt(() => {
      const version = required(root, fields.version, 'the file has no version; begin it with `version: 1`');
      if (!version.is(1)) throw version.invalid('version must be 1');
    });
    file.scope = problems.attempt(() => {
      const scope = required(root, fields.scope, 'the file has no scope; add `scope:` with a query');
      const { query } = scope.fields('scope', SCOPE_FIELDS);
      return readQuery(required(scope, query, 'scope has no query; add `query:`'), 'the scope query');
    });
    problems.attempt(() => {
      const list = required(root, fields.datasets, 'the file has no datasets; add a list `datasets:`');
      file.datasets = readDatasets(list, problems);
    });
  });
  return file;
}

function readDatasets(list: YamlNode, problems: FileProblems): DatasetDefinition[] {
  const items = list.items('datasets');
  if (items.length === 0 || items.length > MANIFEST_MAX_TABLES) {
    throw list.invalid(`datasets has ${items.length} entries; it must have 1 to ${MANIFEST_MAX_TABLES}`);
  }
  const datasets = items.flatMap((item) => problems.attempt(() => readDataset(item, problems)) ?? []);
  findDuplicates(datasets, problems);
  return datasets;
}

function readDataset(node: YamlNode, problems: FileProblems): DatasetDefinition | undefined {
  const fields = node.fields('a dataset', DATASET_FIELDS);
  const name = problems.attempt(() =>
    readName(required(node, fields.name, 'the dataset has no name; add `name:`'), 'the name'),
  );
  const what = name === undefined ? 'the dataset' : `dataset ${name}`;
  const places = new Map<string, string>();
  const key = problems.attempt(() => {
    const columns = required(node, fields.key, `${what} has no key; add \`key: [column]\``);
    return readColumnNames(columns, `the key of ${what}`, places, INDEX_MAX_COLUMNS);
  });
  const query = problems.attempt(() =>
    readQuery(required(node, fields.query, `${what} has no query; add \`query:\``), `the query of ${what}`),
  );
  const table = problems.attempt(() =>
    fields.table === undefined ? name : readName(fields.table, `the table of ${what}`),
  );
  const indexes = problems.attempt(() =>
    (fields.indexes?.items(`indexes of ${what}`) ?? []).map((index) =>
      readColumnNames(index, `an index of ${what}`, places, INDEX_MAX_COLUMNS),
    ),
  );
  const columns = problems.attempt(() => readColumns(fields.columns, what, places));
  const options = readMirrorOptions(fields, what, problems);
  if (!name || !key || !query || !table || !indexes) return undefined;
  const placeOfColumn = (column: string): string => places.get(column) ?? node.place;
  const indexPlaces = fields.indexes?.items('').map(({ place }) => place) ?? [];
  const { place } = node;
  return { name, table, key, indexes, columns, ...options, query, place, indexPlaces, placeOfColumn };
}

function readColumns(
  node: YamlNode | undefined,
  what: string,
  places: Map<string, string>,
): string[] | undefined {
  return node && readColumnNames(node, `columns of ${what}`, places, TABLE_MAX_COLUMNS);
}

function readColumnNames(node: YamlNode, what: string, places: Map<string, string>, most: number): string[] {
  const names: string[] = [];
  for (const item of node.items(what)) {
    const name = readName(item, `a column in ${what}`);
    if (names.includes(name)) throw item.invalid(`${what} names column ${name} twice`);
    names.push(name);
    if (!places.has(name)) places.set(name, item.place);
  }
  if (names.length === 0 || names.length > most) {
    throw node.invalid(`${what} names ${names.length} columns; it must name 1 to ${most}`);
  }
  return names;
}

function readQuery(node: YamlNode, what: string): QueryDefinition {
  const { text, placeOf } = node.text(what);
  try {
    return { template: parseQueryTemplate(text), placeOf };
  } catch (error) {
    if (!(error instanceof QueryTextError)) throw error;
    throw new FileProblem(placeOf(error.offset), `in ${what}, ${error.message}`);
  }
}

function findDuplicates(datasets: DatasetDefinition[], problems: FileProblems): void {
  const byName = new Map<string, DatasetDefinition>();
  const byTable = new Map<string, DatasetDefinition>();
  for (const dataset of datasets) {
    const { name, schema, place } = dataset;
    const table = schema === DEFAULT_SCHEMA ? dataset.table : `${schema}.${dataset.table}`;
    const tableKey = JSON.stringify([schema, dataset.table]);
    const sameName = byName.get(name);
    const sameTable = byTable.get(tableKey);
    if (sameName !== undefined) {
      problems.add(place, `dataset ${name} is defined twice, first at ${sameName.place}; rename one`);
    } else if (sameTable !== undefined) {
      problems.add(
        place,
        `datasets ${sameTable.name} and ${name} both fill table ${table}; give one of them a different \`table:\``,
      );
    }
    byName.set(name, sameName ?? dataset);
    byTable.set(tableKey, sameTable ?? dataset);
  }
}
