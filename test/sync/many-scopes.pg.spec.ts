import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { CentralInProcess } from '../support/apps/central-in-process';
import { validRequest } from '../support/clients/device-client';
import { writeTemporaryFile } from '../support/documents/written-file';

const DEVICES = 200;
const datasets = writeTemporaryFile(
  'datasets.yaml',
  `version: 1
scope:
  query: SELECT id AS device_id, site FROM devices WHERE mac = :mac_address
datasets:
  - { name: stock, key: [id], query: "SELECT id, label FROM stock WHERE site = :site" }
  - { name: products, key: [id], query: "SELECT id, name FROM products" }
`,
);

let source: TestDatabase;
let central: CentralInProcess;

beforeAll(async () => {
  source = await createTestDatabase();
  await source.pool.query(`
    CREATE TABLE devices (id int PRIMARY KEY, site int, mac text UNIQUE);
    INSERT INTO devices SELECT n, n, '48:b0:2d:00:' || regexp_replace(lpad(to_hex(n), 4, '0'), '(..)(..)', '\\1:\\2')
      FROM generate_series(1, ${DEVICES}) n;
    CREATE TABLE stock (id int PRIMARY KEY, site int, label text);
    INSERT INTO stock SELECT n, n % ${DEVICES} + 1, 'item ' || n FROM generate_series(1, ${DEVICES * 11}) n
      WHERE n % 7 <> 0;
    CREATE INDEX ON stock (site);
    CREATE TABLE products (id int PRIMARY KEY, name text);
    INSERT INTO products SELECT n, 'product ' || n FROM generate_series(1, 300) n`);
  central = await CentralInProcess.start({
    CENTRAL_DEVICE_AUTH: 'mac',
    CENTRAL_DEMO_DATA: 'false',
    CENTRAL_SOURCE_DATABASE_URL: source.url,
    CENTRAL_DATASETS_FILE: datasets.path,
  });
});
afterAll(async () => {
  await central.stop();
  await source.drop();
  datasets.remove();
});

function post(mac: string): Promise<Response> {
  return fetch(`${central.url}/api/device-sync/request`, {
    method: 'POST',
    headers: { 'x-device-mac': mac, 'content-type': 'application/json' },
    body: JSON.stringify(validRequest),
  });
}

interface Answer {
  mac: string;
  codes: string[];
  rows: Record<string, number>;
}

/** Asks as docs/protocol.md says: again, after the time of Retry-After, while the answer is being made or is refused for now. */
async function ask(mac: string): Promise<Answer> {
  const codes: string[] = [];
  for (;;) {
    const response = await post(mac);
    const body = (await response.json()) as { manifest?: string; code?: string };
    if (body.manifest !== undefined) return { mac, codes, rows: rowsOf(body.manifest) };
    if (body.code !== undefined) codes.push(body.code);
    if (response.status !== 202 && response.status !== 503) return { mac, codes, rows: {} };
    await delay(Number(response.headers.get('retry-after') ?? 1) * 1_000);
  }
}

function rowsOf(manifest: string): Record<string, number> {
  const payload = Buffer.from(manifest.split('.')[1]!, 'base64url').toString();
  const { tables } = JSON.parse(payload) as { tables: { name: string; rows: number }[] };
  return Object.fromEntries(tables.map(({ name, rows }) => [name, rows]));
}

it('many-scopes-at-once: serves 200 devices with a scope each that ask at once, and refuses none', async () => {
  const { rows: devices } = await source.pool.query<{ mac: string; stock: number }>(
    'SELECT mac, (SELECT count(*)::int FROM stock WHERE stock.site = devices.site) AS stock FROM devices',
  );
  const answers = await Promise.all(devices.map(({ mac }) => ask(mac)));
  const expected = devices.map(({ mac, stock }) => ({ mac, codes: [], rows: { stock, products: 300 } }));
  expect(answers).toEqual(expected);
});
