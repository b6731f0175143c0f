import { parseDatasetsFile, type DatasetDefinition } from './datasets-file';
import { FileProblems } from './file-problems';
import { mirrorOptionsOf } from './mirror-options';

/** A file whose datasets begin at line 5, each with these fields on lines of their own. */
function read(...datasets: string[][]): { datasets: DatasetDefinition[]; problems: string[] } {
  const problems = new FileProblems();
  const items = datasets.map((fields, index) =>
    [`- name: d${index + 1}`, 'key: [id]', 'query: SELECT 1 AS id', ...fields].join('\n  '),
  );
  const head = 'version: 1\nscope:\n  query: SELECT :mac_address AS device_id\ndatasets:\n';
  const file = parseDatasetsFile('f', `${head}${items.join('\n')}\n`, problems);
  return { datasets: file.datasets, problems: problems.list.map(({ message }) => message) };
}

describe('the options of a mirror', () => {
  it('are read as they are written', () => {
    const { datasets, problems } = read([
      'schema: plant',
      'grants: [reader, Big Brother]',
      'onRemove: drop',
      'guard: { maxDeleted: 33.3% }',
    ]);
    expect(problems).toEqual([]);
    expect(mirrorOptionsOf(datasets[0]!)).toEqual({
      schema: 'plant',
      grants: ['reader', 'Big Brother'],
      onRemove: 'drop',
      maxDeletedShare: 0.333,
    });
  });

  it('need not be there', () => {
    expect(mirrorOptionsOf(read([]).datasets[0]!)).toEqual({
      schema: 'public',
      grants: [],
      onRemove: 'keep',
    });
  });

  it.each([
    ['20%', 0.2],
    ['"20%"', 0.2],
    ['100%', 1],
    ['0.5%', 0.005],
    ['12.3456%', 0.123456],
  ])('may hold what deletes more than %s', (maxDeleted, share) => {
    expect(read([`guard: { maxDeleted: ${maxDeleted} }`]).datasets[0]!.maxDeletedShare).toBe(share);
  });

  it.each([
    [
      'schema: pg_catalog',
      'f:8:11: the schema of dataset d1 is pg_catalog, which is reserved for PostgreSQL',
    ],
    ['schema: rivulet', 'f:8:11: the schema of dataset d1 is rivulet, which is reserved for Rivulet'],
    ['schema: [a]', 'f:8:11: the schema of dataset d1 must be a string'],
    [`schema: ${'x'.repeat(64)}`, 'f:8:11: the schema of dataset d1 has 64 bytes'],
    ['grants: reader', 'f:8:11: grants of dataset d1 must be a list; put it in brackets: [reader]'],
    ['grants: [a, b, a]', 'f:8:18: grants of dataset d1 names role a twice'],
    [
      'grants: [public]',
      'f:8:12: grants of dataset d1 names public, which PostgreSQL does not allow as the name of a role',
    ],
    ['grants: [1]', 'f:8:12: a role in grants of dataset d1 must be a string; put it in quotes: "1"'],
    ['onRemove: dorp', 'f:8:13: onRemove of dataset d1 must be keep or drop. Did you mean drop?'],
    ['onremove: drop', 'f:8:3: a dataset has the unknown field "onremove"'],
    ['guard: 20%', 'f:8:10: guard of dataset d1 must be a mapping with maxDeleted'],
    ['guard: {}', 'f:8:10: guard of dataset d1 has no maxDeleted; add `maxDeleted: 20%`'],
    ...['0%', '101%', '0.2', '20', '-1%', '20 percent', '1e1%', '[20%]', '0.00001%'].map((value) => [
      `guard: { maxDeleted: ${value} }`,
      'f:8:24: maxDeleted of dataset d1 must be a percentage above 0%, at most 100%, such as 20%.',
    ]),
  ])('are named with their place when they are wrong: %s', (field, expected) => {
    const { problems } = read([field]);
    expect(problems).toEqual([expect.stringContaining(expected)]);
  });

  it('may give two mirrors one name, in two schemas', () => {
    expect(read(['table: a'], ['table: a', 'schema: plant']).problems).toEqual([]);
    expect(read(['table: a', 'schema: plant'], ['table: a', 'schema: plant']).problems).toEqual([
      'f:10:3: datasets d1 and d2 both fill table plant.a; give one of them a different `table:`.',
    ]);
  });
});
