import { createPool } from '@rivulet/postgres';
import { ROW_MAX_BYTES } from '@rivulet/protocol';
import { testServerVersion } from '@rivulet/testing';
import { CheckFixture } from '../../test/check-fixture';
import { runDatasetsTool } from '../../test/run-datasets-tool';
import { checkDatasetsFile } from './check';

let fixture: CheckFixture;
let url: string;

/** Before version 15 there is no other. */
const provider = testServerVersion < 15 ? '' : 'LOCALE_PROVIDER libc';

beforeAll(async () => {
  fixture = await CheckFixture.create('SELECT 1');
  const name = `ascii_${new URL(fixture.database.url).pathname.slice(6)}`;
  await fixture.database.pool.query(
    `CREATE DATABASE ${name} ENCODING 'SQL_ASCII' LOCALE 'C' ${provider} TEMPLATE template0`,
  );
  url = Object.assign(new URL(fixture.database.url), { pathname: `/${name}` }).href;
  await onDatabase(`
    CREATE TABLE names (id int PRIMARY KEY, name text, others text[]);
    INSERT INTO names VALUES (1, 'Grüße', NULL), (2, convert_from('\\x66fc72', 'SQL_ASCII'), NULL),
      (3, 'x', ARRAY[convert_from('\\xed a0 80', 'SQL_ASCII')])`);
});

afterAll(async () => {
  await fixture.database.pool.query(`DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
  await fixture.close();
});

async function onDatabase<T>(
  work: string | ((pool: ReturnType<typeof createPool>) => Promise<T>),
): Promise<T | undefined> {
  const pool = createPool({ url, applicationName: 'test', maxConnections: 3 });
  try {
    if (typeof work !== 'string') return await work(pool);
    await pool.query(work);
    return undefined;
  } finally {
    await pool.end();
  }
}

const MAC = '48:b0:2d:e9:c3:b7';

function fileWith(query: string): string {
  return fixture.write(`version: 1
scope:
  query: SELECT 1 AS device_id WHERE :mac_address = '${MAC}'
datasets:
  - { name: names, key: [id], query: "${query}" }
`);
}

async function mistakesOf(query: string): Promise<string[]> {
  const options = {
    file: fileWith(query),
    macAddresses: [MAC],
    timeoutMs: 10_000,
    maxRowBytes: ROW_MAX_BYTES,
  };
  const report = await onDatabase((pool) => checkDatasetsFile(pool, options));
  return report!.findings.mistakes.list.map(({ problem }) => problem);
}

describe('messages: datasets check of a database in SQL_ASCII', () => {
  it('names the row and the column with bytes that are not UTF-8, and a cure', async () => {
    const [mistake, ...others] = await mistakesOf('SELECT id, name FROM names');
    expect(others).toEqual([]);
    expect(mistake).toContain(
      'has bytes in its column name that are not UTF-8, in the row with the key (id) = (2)',
    );
    const cure = /if the bytes are LATIN1: (.+) AS "name"$/.exec(mistake!)![1]!;
    expect(
      await mistakesOf(`SELECT id, ${cure.replaceAll('"', '')} AS name FROM names WHERE id = 2`),
    ).toEqual([]);
  });

  it('finds them in arrays', async () => {
    const [mistake] = await mistakesOf('SELECT id, others FROM names');
    expect(mistake).toContain('in its column others that are not UTF-8, in the row with the key (id) = (3)');
  });

  it('has nothing to say of letters in UTF-8', async () => {
    expect(await mistakesOf('SELECT id, name FROM names WHERE id = 1')).toEqual([]);
  });

  it('is what preview leads to, which cannot read such a row', async () => {
    const file = fileWith('SELECT id, name FROM names');
    const { code, errors } = await runDatasetsTool(url, ['preview', '--file', file, '--mac', MAC]);
    expect(code).toBe(1);
    expect(errors).toContain('invalid byte sequence');
    expect(errors).toContain('`npm run datasets -- check` names the row');
  });
});
