import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { MANIFEST_MAX_TABLES, NAME_MAX_BYTES, removals, TABLE_MAX_GRANTS } from '@rivulet/protocol';
import Ajv from 'ajv';
import { parse } from 'yaml';
import { parseDatasetsFile } from './datasets-file';
import { FileProblems } from './file-problems';

const SCHEMA = 'db/datasets.schema.json';

interface Schema {
  properties: Record<string, Schema>;
  required: string[];
  definitions: Record<string, Schema>;
  maxItems: number;
  maxLength: number;
  enum: string[];
}

const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as Schema;
const accepts = new Ajv({ strict: true, allErrors: true }).compile(schema);

const files = ['db/datasets.yaml', ...readdirSync('db/examples').map((name) => `db/examples/${name}`)].filter(
  (path) => path.endsWith('.yaml'),
);

const good = { name: 'a', key: ['id'], query: 'SELECT 1 AS id' };
const options = { schema: 'plant', grants: ['reader'], onRemove: 'drop', guard: { maxDeleted: '20%' } };

function fileOf(dataset: object, more: object = {}): object {
  const scope = { query: 'SELECT :mac_address AS device_id' };
  return { version: 1, scope, datasets: [dataset], ...more };
}

/** The first group of the pattern in what the parser says of a file. */
function readProblem(file: object, pattern: RegExp): string {
  const problems = new FileProblems();
  parseDatasetsFile('f', JSON.stringify(file), problems);
  const found = problems.list.map(({ problem }) => pattern.exec(problem)?.[1]);
  return found.find((match) => match !== undefined)!;
}

/** The fields that the parser knows where this file has an unknown one. */
function knownFields(file: object): string[] {
  return readProblem(file, /unknown field "nix" \(known: (.*)\)/).split(', ');
}

describe('the schema of datasets files', () => {
  it.each(files)('accepts %s, which refers to it', (path) => {
    const text = readFileSync(path, 'utf8');
    accepts(parse(text, { merge: true }));
    expect(accepts.errors).toBeNull();
    const reference = relative(dirname(path), SCHEMA);
    expect(text.split('\n', 1)[0]).toBe(`# yaml-language-server: $schema=${reference}`);
  });

  it('has the fields and limits of the parser', () => {
    const { dataset, columns, name } = schema.definitions as Record<'dataset' | 'columns' | 'name', Schema>;
    const { scope, datasets } = schema.properties as Record<'scope' | 'datasets', Schema>;
    expect(Object.keys(schema.properties)).toEqual(knownFields({ nix: 1 }));
    expect(Object.keys(scope.properties)).toEqual(knownFields({ scope: { nix: 1 } }));
    expect(Object.keys(dataset.properties).toSorted()).toEqual(knownFields(fileOf({ nix: 1 })).toSorted());
    expect(Object.keys(dataset.properties['guard']!.properties)).toEqual(
      knownFields(fileOf({ guard: { nix: 1 } })),
    );
    expect(dataset.properties['onRemove']!.enum).toEqual(removals);
    expect(dataset.properties['grants']!.maxItems).toBe(TABLE_MAX_GRANTS);
    expect(datasets.maxItems).toBe(MANIFEST_MAX_TABLES);
    expect(columns.maxItems).toBe(
      Number(readProblem(fileOf({ ...good, key: [] }), /it must name 1 to (\d+)/)),
    );
    expect(dataset.properties['columns']!.maxItems).toBe(
      Number(readProblem(fileOf({ ...good, columns: [] }), /it must name 1 to (\d+)/)),
    );
    expect(name.maxLength).toBe(NAME_MAX_BYTES);
  });

  it.each([
    ['a dataset', fileOf(good), true],
    ['a field of the author', fileOf(good, { 'x-mine': 1 }), true],
    [
      'all fields of a dataset',
      fileOf({ ...good, table: 'b', columns: ['id'], indexes: [['id']], ...options }),
      true,
    ],
    ['columns that are a text', fileOf({ ...good, columns: 'id' }), false],
    ['no columns', fileOf({ ...good, columns: [] }), false],
    ['a column twice', fileOf({ ...good, columns: ['id', 'id'] }), false],
    ['a schema of PostgreSQL', fileOf({ ...good, schema: 'pg_temp' }), false],
    ["Rivulet's schema", fileOf({ ...good, schema: 'rivulet' }), false],
    ['a schema that is a list', fileOf({ ...good, schema: ['a'] }), false],
    ['a role that is no list', fileOf({ ...good, grants: 'reader' }), false],
    ['everyone as a role', fileOf({ ...good, grants: ['public'] }), false],
    ['a role twice', fileOf({ ...good, grants: ['reader', 'reader'] }), false],
    ['another removal', fileOf({ ...good, onRemove: 'archive' }), false],
    ['a guard of a tenth of a per cent', fileOf({ ...good, guard: { maxDeleted: '0.1%' } }), true],
    ['a guard of all', fileOf({ ...good, guard: { maxDeleted: '100%' } }), true],
    ['a guard of more', fileOf({ ...good, guard: { maxDeleted: '101%' } }), false],
    ['a guard of nothing', fileOf({ ...good, guard: { maxDeleted: '0.00%' } }), false],
    ['a guard that is a fraction', fileOf({ ...good, guard: { maxDeleted: 0.2 } }), false],
    ['a guard without a share', fileOf({ ...good, guard: {} }), false],
    ['an unknown field', fileOf(good, { dataset: 1 }), false],
    ['an unknown field of a dataset', fileOf({ ...good, 'x-mine': 1 }), false],
    ['another version', fileOf(good, { version: 2 }), false],
    ['no dataset', fileOf(good, { datasets: [] }), false],
    ['a scope without a query', fileOf(good, { scope: {} }), false],
    ['a dataset without a key', fileOf({ ...good, key: undefined }), false],
    ['a key that is a text', fileOf({ ...good, key: 'id' }), false],
    ['a key twice', fileOf({ ...good, key: ['id', 'id'] }), false],
    ['a name that is a number', fileOf({ ...good, name: 1 }), false],
    ['an index that is a text', fileOf({ ...good, indexes: ['id'] }), false],
    ['an empty query', fileOf({ ...good, query: '' }), false],
  ])('agrees with the parser about %s', (_, file, isRight) => {
    const problems = new FileProblems();
    const text = JSON.stringify(file);
    parseDatasetsFile('f', text, problems);
    expect([accepts(JSON.parse(text)), problems.isEmpty]).toEqual([isRight, isRight]);
  });
});
