import { parseQueryTemplate, QueryTextError, type QueryTemplate } from '@rivulet/snapshot';
import { YamlNode } from './yaml-node';

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
}

/** What the datasets file says, before PostgreSQL has been asked about its queries. */
export interface DatasetsFile {
  path: string;
  scope: QueryDefinition;
  datasets: DatasetDefinition[];
}

/** PostgreSQL cuts longer names short without an error. */
const NAME_MAX_BYTES = 63;

/** @throws RivuletError DATASETS_FILE_INVALID, naming path, line, column, dataset and cure */
export function parseDatasetsFile(path: string, source: string): DatasetsFile {
  const root = YamlNode.parse(path, source);
  const fields = root.fields('the file', ['version', 'scope', 'datasets']);
  const version = required(root, fields.version, 'the file has no version; begin it with `version: 1`');
  if (version.number('version') !== 1) throw version.invalid('version must be 1');

  const scope = required(root, fields.scope, 'the file has no scope; add `scope:` with a query');
  const scopeQuery = scope.fields('scope', ['query']).query;
  const datasets = required(root, fields.datasets, 'the file has no datasets; add a list `datasets:`');
  const definitions = datasets.items('datasets').map(readDataset);
  refuseDuplicates(definitions, datasets);
  return {
    path,
    scope: readQuery(required(scope, scopeQuery, 'scope has no query'), 'the scope query'),
    datasets: definitions,
  };
}

function readDataset(node: YamlNode): DatasetDefinition {
  const fields = node.fields('a dataset', ['name', 'table', 'key', 'query', 'indexes']);
  const name = readName(required(node, fields.name, 'the dataset has no name; add `name:`'), 'name');
  const what = `dataset ${name}`;
  const key = required(node, fields.key, `${what} has no key; add \`key: [column]\``);
  const query = required(node, fields.query, `${what} has no query; add \`query:\``);
  return {
    name,
    table: fields.table === undefined ? name : readName(fields.table, `table of ${what}`),
    key: readColumnNames(key, `key of ${what}`),
    indexes: (fields.indexes?.items(`indexes of ${what}`) ?? []).map((index) =>
      readColumnNames(index, `index of ${what}`),
    ),
    query: readQuery(query, `query of ${what}`),
    place: node.place,
  };
}

function readColumnNames(node: YamlNode, what: string): string[] {
  const names = node.items(what).map((item) => readName(item, `column in ${what}`));
  if (names.length === 0) throw node.invalid(`${what} must name at least one column`);
  if (new Set(names).size !== names.length) throw node.invalid(`${what} names a column twice`);
  return names;
}

function readName(node: YamlNode, what: string): string {
  const { text } = node.text(what);
  if (Buffer.byteLength(text) > NAME_MAX_BYTES || text.includes('\0')) {
    throw node.invalid(`${what} is longer than the ${NAME_MAX_BYTES} bytes that PostgreSQL keeps of a name`);
  }
  return text;
}

function readQuery(node: YamlNode, what: string): QueryDefinition {
  const { text, placeOf } = node.text(what);
  try {
    return { template: parseQueryTemplate(text), placeOf };
  } catch (error) {
    if (!(error instanceof QueryTextError)) throw error;
    throw node.invalid(`${what} is not one query: ${error.message} (${placeOf(error.offset)})`);
  }
}

function refuseDuplicates(datasets: DatasetDefinition[], node: YamlNode): void {
  const byName = new Map<string, DatasetDefinition>();
  const byTable = new Map<string, DatasetDefinition>();
  for (const [index, dataset] of datasets.entries()) {
    const sameName = byName.get(dataset.name);
    const sameTable = byTable.get(dataset.table);
    const place = node.items('datasets')[index]!;
    if (sameName !== undefined) {
      throw place.invalid(`dataset ${dataset.name} is defined twice, first at ${sameName.place}; rename one`);
    }
    if (sameTable !== undefined) {
      throw place.invalid(
        `datasets ${sameTable.name} and ${dataset.name} both fill table ${dataset.table}; ` +
          `give one of them another \`table:\``,
      );
    }
    byName.set(dataset.name, dataset);
    byTable.set(dataset.table, dataset);
  }
}

function required(parent: YamlNode, node: YamlNode | undefined, problem: string): YamlNode {
  if (node === undefined) throw parent.invalid(problem);
  return node;
}
