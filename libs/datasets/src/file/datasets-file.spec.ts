import { PATH, problemsOf, read } from '../../test/read-datasets-file';

/** A file whose only mistake can be in its datasets. */
function withDatasets(datasets: string): string {
  return `version: 1\nscope:\n  query: SELECT :mac_address AS device_id\ndatasets:\n${datasets}`;
}

/** A file whose only mistake can be in the one dataset, which begins at line 5. */
function withDataset(...fields: string[]): string {
  return withDatasets(`  - ${fields.join('\n    ')}\n`);
}

const users = ['name: users', 'key: [id]', 'query: SELECT 1 AS id'];

describe('a datasets file', () => {
  it('is read as it is written', () => {
    const file = read(
      withDatasets(`
  - name: users
    key: [company_id, id]
    query: |
      SELECT u.id, u.company_id, u.email FROM users u
      WHERE u.company_id = :company_id;
    indexes: [[email], [company_id, email]]
  - name: my devices
    table: devices
    key:
      - id
    query: SELECT id FROM devices
`),
    );
    expect(file.scope!.template).toEqual({
      texts: ['SELECT ', ' AS device_id'],
      parameters: ['mac_address'],
    });
    const [first, second] = file.datasets;
    expect(first).toMatchObject({
      name: 'users',
      table: 'users',
      key: ['company_id', 'id'],
      indexes: [['email'], ['company_id', 'email']],
      place: 'db/datasets.yaml:6:5',
    });
    expect(first!.query.template.parameters).toEqual(['company_id']);
    expect(first!.query.template.texts[0]).toBe(
      'SELECT u.id, u.company_id, u.email FROM users u\nWHERE u.company_id = ',
    );
    expect(first!.placeOfColumn('email')).toBe('db/datasets.yaml:11:16');
    expect(second).toMatchObject({ name: 'my devices', table: 'devices', key: ['id'], indexes: [] });
  });

  it('may have names of blanks alone, which PostgreSQL takes', () => {
    const [dataset] = read(
      withDataset('name: " "', 'table: "  "', 'schema: "\\t"', 'key: [" "]', 'query: SELECT 1 AS " "'),
    ).datasets;
    expect(dataset).toMatchObject({ name: ' ', table: '  ', schema: '\t', key: [' '] });
  });

  it('may repeat itself by anchors and aliases', () => {
    const file = read(
      withDatasets(`
  - name: users
    key: &id [id]
    query: &all |
      SELECT id FROM users
    indexes: [*id]
  - name: people
    key: *id
    query: *all
`),
    );
    const [first, second] = file.datasets;
    expect(second!.key).toEqual(['id']);
    expect(first!.indexes).toEqual([['id']]);
    expect(second!.query.template).toEqual(first!.query.template);
    expect(second!.query.placeOf(3)).toBe('db/datasets.yaml:9:10');
  });
});

describe('a mistake in the YAML', () => {
  it.each([
    [
      'a tab',
      'version: 1\nscope:\n\tquery: SELECT 1\n',
      '3:1: this line is indented with a tab; YAML allows only spaces.',
    ],
    ['a field twice', 'version: 1\nversion: 1\n', '2:1: this field is defined twice; keep one of them.'],
    [
      'a second document',
      'version: 1\n---\nversion: 1\n',
      '2:1: a second YAML document begins here; use one document, without `---`.',
    ],
    [
      'a colon in a plain text',
      'version: 1: 2\n',
      '1:10: this is not valid YAML: Nested mappings are not allowed in compact mappings.',
    ],
    [
      'a list that does not end',
      'version: [1\n',
      '2:1: this is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ].',
    ],
    [
      'an alias without its anchor',
      withDataset('name: users', 'key: *id', 'query: SELECT 1 AS id'),
      '6:10: *id refers to an anchor that is not defined; define &id above.',
    ],
  ])('is found: %s', (_, source, message) => {
    expect(problemsOf(source)).toContain(`${PATH}:${message}`);
  });
});

describe('a mistake in the file', () => {
  it.each([
    ['it is empty', '', '1:1: the file must be a mapping with version, scope, datasets.'],
    ['it is a list', '- version: 1\n', '1:1: the file must be a mapping with version, scope, datasets.'],
    ['it has no version', 'scope:\n', '1:1: the file has no version; begin it with `version: 1`.'],
    ['its version is another', 'version: 2\n', '1:10: version must be 1.'],
    ['its version is a text', 'version: "1"\n', '1:10: version must be 1.'],
    [
      'it has an unknown field',
      'version: 1\ndataset:\n',
      '2:1: the file has the unknown field "dataset" (known: version, scope, datasets). Did you mean datasets?',
    ],
    ['it has no scope', 'version: 1\n', '1:1: the file has no scope; add `scope:` with a query.'],
    ['its scope is a text', 'version: 1\nscope: SELECT 1\n', '2:8: scope must be a mapping with query.'],
    ['its scope has no query', 'version: 1\nscope: {}\n', '2:8: scope has no query; add `query:`.'],
    [
      'its scope has an unknown field',
      'version: 1\nscope:\n  sql: SELECT 1\n',
      '3:3: scope has the unknown field "sql" (known: query).',
    ],
    [
      'it has no datasets',
      'version: 1\nscope:\n  query: SELECT 1\n',
      '1:1: the file has no datasets; add a list `datasets:`.',
    ],
    ['its datasets are none', withDatasets('  []\n'), '5:3: datasets has 0 entries; it must have 1 to 1000.'],
    [
      'its datasets are a mapping',
      withDatasets('  users:\n    key: [id]\n'),
      '5:3: datasets must be a list.',
    ],
  ])('is found: %s', (_, source, message) => {
    expect(problemsOf(source)).toContain(`${PATH}:${message}`);
  });
});

describe('a mistake in a dataset', () => {
  const long = 'x'.repeat(64);

  it.each([
    ['no name', ['key: [id]', 'query: SELECT 1'], '5:5: the dataset has no name; add `name:`.'],
    ['a name that is a number', ['name: 4711'], '5:11: the name must be a string; put it in quotes: "4711".'],
    [
      'a name that is a truth value',
      ['name: true'],
      '5:11: the name must be a string; put it in quotes: "true".',
    ],
    ['an empty name', ['name: ""'], '5:11: the name is empty.'],
    ['a name without a value', ['name:', 'key: [id]'], '5:10: the name must be a string.'],
    ['a name of 64 bytes', [`name: ${long}`], '5:11: the name has 64 bytes; PostgreSQL allows 63 in a name.'],
    [
      'a name of 22 characters, but 66 bytes',
      [`name: ${'漢'.repeat(22)}`],
      '5:11: the name has 66 bytes; PostgreSQL allows 63 in a name.',
    ],
    [
      'a name with a NUL',
      ['name: "a\\0b"'],
      '5:11: the name contains a NUL character, which PostgreSQL does not allow in names.',
    ],
    [
      'a table of 64 bytes',
      [...users, `table: ${long}`],
      '8:12: the table of dataset users has 64 bytes; PostgreSQL allows 63 in a name.',
    ],
    ['no key', ['name: users', 'query: SELECT 1'], '5:5: dataset users has no key; add `key: [column]`.'],
    [
      'a key that is a text',
      ['name: users', 'key: id', 'query: SELECT 1'],
      '6:10: the key of dataset users must be a list; put it in brackets: [id].',
    ],
    [
      'an empty key',
      ['name: users', 'key: []', 'query: SELECT 1'],
      '6:10: the key of dataset users names 0 columns; it must name 1 to 32.',
    ],
    [
      'a key of 33 columns',
      [
        'name: users',
        `key: [${Array.from({ length: 33 }, (_, n) => `c${n}`).join(', ')}]`,
        'query: SELECT 1',
      ],
      '6:10: the key of dataset users names 33 columns; it must name 1 to 32.',
    ],
    [
      'a key with a column twice',
      ['name: users', 'key: [id, id]', 'query: SELECT 1'],
      '6:15: the key of dataset users names column id twice.',
    ],
    [
      'a key with a number',
      ['name: users', 'key: [1]', 'query: SELECT 1'],
      '6:11: a column in the key of dataset users must be a string; put it in quotes: "1".',
    ],
    ['no query', ['name: users', 'key: [id]'], '5:5: dataset users has no query; add `query:`.'],
    [
      'an empty query',
      ['name: users', 'key: [id]', 'query: ""'],
      '7:12: the query of dataset users is empty.',
    ],
    [
      'an index that is no list',
      [...users, 'indexes: [id]'],
      '8:15: an index of dataset users must be a list; put it in brackets: [id].',
    ],
    [
      'an unknown field',
      [...users, 'tabel: people'],
      '8:5: a dataset has the unknown field "tabel" (known: name, table, key, query, columns, indexes, schema, grants, onRemove, guard). Did you mean table?',
    ],
    [
      'a quote in its query that is never closed',
      ['name: users', 'key: [id]', 'query: |', "  SELECT 'a' AS id", "  WHERE true AND name = 'it"],
      '9:29: in the query of dataset users, this quote is never closed.',
    ],
    [
      'a comment in its query that is never closed',
      ['name: users', 'key: [id]', 'query: SELECT 1 /* id'],
      '7:21: in the query of dataset users, this comment is never closed.',
    ],
    [
      'two statements',
      ['name: users', 'key: [id]', 'query: |', '  SELECT 1;', '', '  SELECT 2;'],
      '8:15: in the query of dataset users, there is more than one statement; keep the one that returns the rows.',
    ],
  ])('is found: %s', (_, fields, message) => {
    expect(problemsOf(withDataset(...fields))).toContain(`${PATH}:${message}`);
  });

  it.each([
    ['the name', [], 'dataset users is defined twice, first at db/datasets.yaml:5:5; rename one.'],
    [
      'the table',
      ['table: users'],
      'datasets users and others both fill table users; give one of them a different `table:`.',
    ],
  ])('is found: %s of another', (what, more, message) => {
    const other = what === 'the name' ? users : ['name: others', ...users.slice(1), ...more];
    const source = withDatasets(`  - ${users.join('\n    ')}\n  - ${other.join('\n    ')}\n`);
    expect(problemsOf(source)).toEqual([`${PATH}:8:5: ${message}`]);
  });
});
