import { schemaFingerprint, schemaVersion, type Column, type TableSchema } from './table-schema';

const users: TableSchema = {
  name: 'users',
  schema: 'public',
  table: 'users',
  columns: [
    { name: 'id', type: 'bigint' },
    { name: 'company_id', type: 'integer' },
    { name: 'email', type: 'text' },
  ],
  key: ['id'],
  indexes: [['email']],
  grants: ['reader'],
  onRemove: 'keep',
};
const [id, companyId, email] = users.columns as [Column, Column, Column];
const areas: TableSchema = {
  ...users,
  name: 'areas',
  table: 'areas',
  columns: [id],
  indexes: [],
  grants: [],
};

describe('the schema fingerprint', () => {
  it.each<[string, Partial<TableSchema>]>([
    ['the name of the dataset', { name: 'people' }],
    ['a column', { columns: [id, companyId] }],
    ['the name of a column', { columns: [id, companyId, { ...email, name: 'mail' }] }],
    ['the order of columns', { columns: [id, email, companyId] }],
    ['the type of a column', { columns: [id, { ...companyId, type: 'bigint' }, email] }],
    ['the length in a type', { columns: [id, companyId, { ...email, type: 'character varying(20)' }] }],
    ['the key', { key: ['id', 'company_id'] }],
    ['the order of the key', { columns: [companyId, id, email], key: ['company_id', 'id'] }],
  ])('changes with %s', (_, change) => {
    expect(schemaFingerprint({ ...users, ...change })).not.toBe(schemaFingerprint(users));
  });

  it.each<[string, Partial<TableSchema>]>([
    ['the name of the mirror', { table: 'people' }],
    ['its schema', { schema: 'staff' }],
    ['the indexes', { indexes: [] }],
    ['who may read it', { grants: [] }],
    ['what becomes of it', { onRemove: 'drop' }],
    ['how much may be deleted', { maxDeletedShare: 0.5 }],
  ])('does not change with %s', (_, change) => {
    expect(schemaFingerprint({ ...users, ...change })).toBe(schemaFingerprint(users));
  });

  it('keeps apart what a plain concatenation would confuse', () => {
    const columns = [id, companyId, email];
    const fingerprints = [
      schemaFingerprint({ name: 'a', columns, key: ['id'] }),
      schemaFingerprint({
        name: 'a',
        columns: [id, { name: 'company_id,integer', type: '' }, email],
        key: ['id'],
      }),
      schemaFingerprint({ name: 'a', columns, key: ['id"],["company_id'] }),
    ];
    expect(new Set(fingerprints).size).toBe(fingerprints.length);
  });
});

describe('the schema version', () => {
  it.each<[string, TableSchema[]]>([
    ['a table', [users]],
    ['a fingerprint', [{ ...users, key: ['id', 'company_id'] }, areas]],
    ['the schema of a mirror', [{ ...users, schema: 'staff' }, areas]],
    ['the name of a mirror', [{ ...users, table: 'people' }, areas]],
    ['who may read it', [{ ...users, grants: ['reader', 'writer'] }, areas]],
    ['what becomes of it', [{ ...users, onRemove: 'drop' }, areas]],
    ['how much may be deleted', [{ ...users, maxDeletedShare: 0.5 }, areas]],
    ['an index', [{ ...users, indexes: [] }, areas]],
    ['the order of columns in an index', [{ ...users, indexes: [['company_id', 'email']] }, areas]],
  ])('changes with %s', (_, tables) => {
    const versions = [
      [users, areas],
      [{ ...users, indexes: [['email', 'company_id']] }, areas],
    ].map(schemaVersion);
    expect(versions).not.toContain(schemaVersion(tables));
  });

  it('does not change with the order of the tables', () => {
    const devices = { ...areas, name: 'devices' };
    expect(schemaVersion([devices, users, areas])).toBe(schemaVersion([users, areas, devices]));
  });
});
