import { join } from 'node:path';
import { CatalogueFixture, withQuery } from '../../test/catalogue-fixture';
import { DatasetCatalogue } from './dataset-catalogue';

let fixture: CatalogueFixture;

beforeAll(async () => {
  fixture = await CatalogueFixture.create();
});

afterAll(() => fixture.close());

describe('a datasets file that PostgreSQL has described', () => {
  it('gives each dataset its columns, the key first, with the types that they have on the edge', async () => {
    const { scope, datasets, schemaVersion } = await fixture.load(
      withQuery(
        'SELECT u.email, u.kind, u.id, u.salary, u.valid FROM users u WHERE u.id = ANY (ARRAY[:device_id])',
        'indexes: [[email], [kind, email]]',
        '[id, email]',
      ),
    );
    expect([...scope.columns]).toEqual([
      ['device_id', { type: 'bigint', value: null }],
      ['group_ids', { type: 'uuid[]', value: null }],
    ]);
    expect(datasets.map((dataset) => dataset.schema)).toEqual([
      {
        name: 'users',
        table: 'users',
        key: ['id', 'email'],
        indexes: [['email'], ['kind', 'email']],
        schema: 'public',
        grants: [],
        onRemove: 'keep',
        columns: [
          { name: 'id', type: 'bigint' },
          { name: 'email', type: 'text' },
          { name: 'kind', type: 'text' },
          { name: 'salary', type: 'numeric(10,2)' },
          { name: 'valid', type: 'daterange' },
        ],
      },
    ]);
    expect(schemaVersion).toMatch(/^[0-9a-f]{64}$/);
  });

  it('may have a key of any type whose order is the same everywhere, and an index of any that is sorted', async () => {
    const query = 'SELECT id, kind, valid, ARRAY[email] AS emails, settings FROM users';
    await expect(
      fixture.load(withQuery(query, 'indexes: [[settings, id]]', '[kind, valid, emails, id]')),
    ).resolves.toBeInstanceOf(DatasetCatalogue);
  });

  it('is described without a change to the database', async () => {
    const query = `SELECT id FROM users WHERE set_config('rivulet.test', 'x', false) = 'x' AND nextval('s') > 0`;
    await fixture.database.pool.query('CREATE SEQUENCE s');
    await fixture.load(withQuery(query));
    expect((await fixture.database.pool.query('SELECT is_called FROM s')).rows).toEqual([
      { is_called: false },
    ]);
  });
});

describe('a file that cannot be read', () => {
  it('is named, with the reason and the variable', async () => {
    const error = await DatasetCatalogue.load(
      join(fixture.folder, 'nowhere.yaml'),
      fixture.database.pool,
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'DATASETS_FILE_INVALID',
      message: `The datasets file ${fixture.folder}/nowhere.yaml cannot be read (ENOENT).`,
      nextStep: 'Set CENTRAL_DATASETS_FILE to the path of a readable file.',
    });
  });
});
