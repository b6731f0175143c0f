import { MANIFEST_MAX_TABLES, NAME_MAX_BYTES } from '@rivulet/protocol';
import { parseQueryTemplate, QueryTextError, type QueryTemplate } from '@rivulet/snapshot';
import { invalidFile, YamlNode } from './yaml-node';

/** A query as it stands in the file. */
export interface QueryDefinition {
  template: QueryTemplate;
  /** `path:line:column` of the character at `offset` of the query's text. */
  placeOf: (offset: number) => string;
}

export interface DatasetDefinition {
  name: string;
  /** The mirror's table. */
  table: string;
  key: string[];
  indexes: string[][];
  query: QueryDefinition;
  /** `path:line:column` of the dataset. */
  place: string;
  /** `path:line:column` of a column where the key or an index names it. */
  placeOfColumn: (name: string) => string;
}

/** What the datasets file says, before PostgreSQL has been asked about its queries. */
export interface DatasetsFile {
  path: string;
  scope: QueryDefinition;
  datasets: DatasetDefinition[];
}

/** PostgreSQL's INDEX_MAX_KEYS. */
const INDEX_MAX_COLUMNS = 32;

/** @throws RivuletError DATASETS_FILE_INVALID, naming path, line, column, dataset and cure */
export function parseDatasetsFile(path: string, source: string): DatasetsFile {
  const root = YamlNode.parse(path, source);
  const fields = root.fields('the file', ['version', 'scope', 'datasets']);
  const version = required(root, fields.version, 'the file has no version; begin it with `version: 1`');
  if (!version.is(1)) throw version.invalid('version must be 1, the only one that there is');

  const scope = required(root, fields.scope, 'the file has no scope; add `scope:` with a query');
  const scopeQuery = required(
    scope,
    scope.fields('scope', ['query']).query,
    'scope has no query; add `query:`',
  );
  const list = required(root, fields.datasets, 'the file has no datasets; add a list `datasets:`');
  const items = list.items('datasets');
  if (items.length === 0 || items.length > MANIFEST_MAX_TABLES) {
    throw list.invalid(`datasets has ${items.length} entries; it must have 1 to ${MANIFEST_MAX_TABLES}`);
  }
  const datasets = items.map(readDataset);
  refuseDuplicates(datasets);
  return { path, scope: readQuery(scopeQuery, 'the scope query'), datasets };
}

function readDataset(node: YamlNode): DatasetDefinition {
  const fields = node.fields('a dataset', ['name', 'table', 'key', 'query', 'indexes']);
  const name = readName(required(node, fields.name, 'the dataset has no name; add `name:`'), 'the name');
  const what = `dataset ${name}`;
  const key = required(node, fields.key, `${what} has no key; add \`key: [column]\``);
  const query = required(node, fields.query, `${what} has no query; add \`query:\``);
  const places = new Map<string, string>();
  return {
    name,
    table: fields.table === undefined ? name : readName(fields.table, `the table of ${what}`),
    key: readColumnNames(key, `the key of ${what}`, places),
    indexes: (fields.indexes?.items(`indexes of ${what}`) ?? []).map((index) =>
      readColumnNames(index, `an index of ${what}`, places),
    ),
    query: readQuery(query, `the query of ${what}`),
    place: node.place,
    placeOfColumn: (column) => places.get(column) ?? node.place,
  };
}

function readColumnNames(node: YamlNode, what: string, places: Map<string, string>): string[] {
  const names: string[] = [];
  for (const item of node.items(what)) {
    const name = readName(item, `a column in ${what}`);
    if (names.includes(name)) throw item.invalid(`${what} names column ${name} twice`);
    names.push(name);
    if (!places.has(name)) places.set(name, item.place);
  }
  if (names.length === 0 || names.length > INDEX_MAX_COLUMNS) {
    throw node.invalid(`${what} names ${names.length} columns; it must name 1 to ${INDEX_MAX_COLUMNS}`);
  }
  return names;
}

function readName(node: YamlNode, what: string): string {
  const { text } = node.text(what);
  const bytes = Buffer.byteLength(text);
  if (bytes > NAME_MAX_BYTES) {
    throw node.invalid(`${what} has ${bytes} bytes; PostgreSQL keeps ${NAME_MAX_BYTES} of a name`);
  }
  if (text.includes('\0')) throw node.invalid(`${what} has a NUL, which no name in PostgreSQL can have`);
  return text;
}

function readQuery(node: YamlNode, what: string): QueryDefinition {
  const { text, placeOf } = node.text(what);
  try {
    return { template: parseQueryTemplate(text), placeOf };
  } catch (error) {
    if (!(error instanceof QueryTextError)) throw error;
    throw invalidFile(placeOf(error.offset), `in ${what}, ${error.message}`);
  }
}

function refuseDuplicates(datasets: DatasetDefinition[]): void {
  const byName = new Map<string, DatasetDefinition>();
  const byTable = new Map<string, DatasetDefinition>();
  for (const dataset of datasets) {
    const { name, table, place } = dataset;
    const sameName = byName.get(name);
    const sameTable = byTable.get(table);
    if (sameName !== undefined) {
      throw invalidFile(place, `dataset ${name} is defined twice, first at ${sameName.place}; rename one`);
    }
    if (sameTable !== undefined) {
      throw invalidFile(
        place,
        `datasets ${sameTable.name} and ${name} both fill table ${table}; give one of them another \`table:\``,
      );
    }
    byName.set(name, dataset);
    byTable.set(table, dataset);
  }
}

function required(parent: YamlNode, node: YamlNode | undefined, problem: string): YamlNode {
  if (node === undefined) throw parent.invalid(problem);
  return node;
}
