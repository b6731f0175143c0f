import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DatasetCatalogue } from './dataset-catalogue';
import { examineDatasetsFile } from './examine-datasets-file';

let database: TestDatabase;
let folder: string;
let path: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rivulet-examine-'));
  path = join(folder, 'datasets.yaml');
  database = await createTestDatabase();
  await database.pool.query(`
    CREATE TABLE devices (id bigint PRIMARY KEY, mac text, site_id bigint);
    CREATE TABLE users (id bigint PRIMARY KEY, email text)`);
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});

function write(...datasets: string[]): void {
  const scope = 'SELECT id AS device_id, site_id FROM devices WHERE mac = :mac_address';
  writeFileSync(path, ['version: 1', 'scope:', `  query: ${scope}`, 'datasets:', ...datasets, ''].join('\n'));
}

const wrong = [
  '  - {name: a, key: [id], query: SELECT nope FROM users}',
  '  - {name: b, key: [id], query: "SELECT id, email FROM users WHERE id = :sites", tabel: d}',
  '  - {name: c, key: [id, emial], query: "SELECT id, email, email FROM users"}',
];
const messages = [
  '5:40: PostgreSQL rejects the query of dataset a: column "nope" does not exist.',
  '6:73: dataset b uses :sites, which the scope query does not return; it returns :device_id, :site_id.',
  '6:82: a dataset has the unknown field "tabel" (known: name, table, key, query, columns, indexes, schema, grants, onRemove, guard). Did you mean table?',
  '7:25: dataset c names column emial in its key, which its query does not return; it returns id, email, email. ' +
    'Did you mean email?',
  '7:41: the query of dataset c returns column email twice; rename one of them with AS.',
];

describe('the mistakes of a file', () => {
  it('are found in every dataset, and told in the order of the file', async () => {
    write(...wrong);
    const { scope, datasets, problems } = await examineDatasetsFile(path, database.pool);
    expect([...scope!.columns.keys()]).toEqual(['device_id', 'site_id']);
    expect(datasets).toEqual([]);
    expect(problems.list.map(({ message }) => message)).toEqual(messages.map((text) => `${path}:${text}`));
  });

  it('leave those datasets that are right', async () => {
    write(wrong[0]!, '  - {name: good, key: [id], query: SELECT id FROM users}');
    const { datasets, problems } = await examineDatasetsFile(path, database.pool);
    expect(datasets.map(({ schema }) => schema.name)).toEqual(['good']);
    expect(problems.list).toHaveLength(1);
  });

  it('stop the start, each on a line of its own', async () => {
    write(...wrong);
    await expect(DatasetCatalogue.load(path, database.pool)).rejects.toMatchObject({
      code: 'DATASETS_FILE_INVALID',
      message: messages.map((text) => `${path}:${text}`).join('\n'),
    });
  });

  it('are counted in that, from a number on that nobody reads', async () => {
    write(
      ...Array.from({ length: 25 }, (_, n) => `  - {name: d${n}, key: [x], query: SELECT id FROM users}`),
    );
    const error: unknown = await DatasetCatalogue.load(path, database.pool).catch(
      (thrown: unknown) => thrown,
    );
    const lines = (error as Error).message.split('\n');
    expect([lines.length, lines.at(-1)]).toEqual([21, 'And 5 more.']);
  });
});
