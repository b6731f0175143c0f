import { PATH, problemsOf, read } from '../../test/read-datasets-file';

function referring(n: number): string {
  return `  - {<<: *tenant, name: d${n}, key: *key, query: SELECT 1}\n`;
}

describe('what datasets have in common', () => {
  const defaults = `version: 1
x-tenant: &tenant
  key: &key [company_id, id]
  indexes: [[company_id]]
x-more: &more
  query: SELECT 1 AS id, 2 AS company_id
scope:
  query: SELECT :mac_address AS device_id
datasets:
`;

  it('is merged into them, and what they say themselves counts', () => {
    const { datasets } = read(`${defaults}
  - <<: *tenant
    name: users
    query: SELECT 1
  - name: areas
    key: [id]
    <<: [*more, *tenant]
`);
    expect(datasets.map(({ key, indexes }) => ({ key, indexes }))).toEqual([
      { key: ['company_id', 'id'], indexes: [['company_id']] },
      { key: ['id'], indexes: [['company_id']] },
    ]);
    expect(datasets[1]!.query.placeOf(7)).toBe('db/datasets.yaml:6:17');
    expect(datasets[0]!.placeOfColumn('id')).toBe('db/datasets.yaml:3:26');
  });

  it.each([
    [
      'a merge of what is no mapping',
      '  - <<: *key\n    name: users\n    query: SELECT 1\n    key: [id]\n',
      '3:14: << can merge only mappings: `<<: *anchor`.',
    ],
    ['a merge of nothing', '  - <<:\n    name: users\n', '10:8: << can merge only mappings: `<<: *anchor`.'],
  ])('is a mistake: %s', (_, datasets, message) => {
    expect(problemsOf(defaults + datasets)).toEqual([`${PATH}:${message}`]);
  });

  it('is complained of once, where it stands', () => {
    const source = `version: 1
x-all: &all
  key: [id]
  keys: [id]
scope:
  query: SELECT :mac_address AS device_id
datasets:
  - {<<: *all, name: a, query: SELECT 1}
  - {<<: *all, name: b, query: SELECT 1}
`;
    expect(problemsOf(source)).toEqual([
      `${PATH}:4:3: a dataset has the unknown field "keys" (known: name, table, key, query, columns, indexes, schema, grants, onRemove, guard). Did you mean key?`,
    ]);
  });

  it('may be referred to a thousand times', () => {
    const { datasets } = read(defaults + Array.from({ length: 1_000 }, (_, n) => referring(n)).join(''));
    expect(datasets).toHaveLength(1_000);
  });
});
