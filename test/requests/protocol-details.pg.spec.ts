import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp, createLogger, loadEnvironment } from '@rivulet/platform';
import { FrameDecoder, type Manifest, type SyncPlan } from '@rivulet/protocol';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { ulid } from 'ulid';
import { CentralModule } from '../../apps/central/src/central.module';
import { WrittenFile } from '../../apps/central/test/central-services';
import { DEMO_MAC } from '../support/apps/sync-pair';

/** What docs/protocol.md says of requests, where a client writer would otherwise have to guess. */

const datasets = `version: 1
scope: { query: "SELECT 1 AS device_id WHERE :mac_address = '${DEMO_MAC}'" }
datasets:
  - { name: names, key: [id], query: "SELECT id, label FROM names" }
`;

let database: TestDatabase;
let file: WrittenFile;
let app: NestFastifyApplication;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(
    `CREATE TABLE names (id int PRIMARY KEY, label text); INSERT INTO names VALUES (1, repeat('a', 500)), (2, 'b')`,
  );
  file = new WrittenFile(datasets);
  const { environment } = loadEnvironment(CentralModule.environment, {
    CENTRAL_DEVICE_AUTH: 'mac',
    CENTRAL_DATABASE_URL: database.url,
    CENTRAL_AGENT_PORT: '0',
    CENTRAL_DATASETS_FILE: file.path,
  });
  app = await createApp({
    module: CentralModule.forRoot(environment, { url: database.url, isEmbedded: false }),
    logger: createLogger({ app: 'central', level: 'silent' }),
    openApi: { title: 'Rivulet central', description: 'For a test.' },
  });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
});
afterAll(async () => {
  await app.close();
  file.remove();
  await database.drop();
});

async function post(path: string, body: object | string): Promise<{ status: number; answer: unknown }> {
  const headers = { 'x-device-mac': DEMO_MAC, 'content-type': 'application/json' };
  const url = `/api/device-sync/${path}`;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await app.inject({ method: 'POST', url, headers, payload: text });
  return { status: response.statusCode, answer: response.json() };
}

const nonce = 'AAAAAAAAAAAAAAAAAAAAAA';

async function issue(more: object = {}): Promise<{ manifest: Manifest; plan: SyncPlan }> {
  const { answer } = await post('request', { protocolVersion: 1, nonce, tables: [], ...more });
  const { manifest, plan } = answer as { manifest: string; plan: SyncPlan };
  const json = Buffer.from(manifest.split('.')[1]!, 'base64url').toString();
  return { manifest: JSON.parse(json) as Manifest, plan };
}

/** What the device reports when it holds all of the manifest. */
function heldOf({ tables, manifestId, schemaVersion }: Manifest) {
  const held = tables.map(({ name, fingerprint, checksum }) => ({ name, fingerprint, checksum }));
  return { tables: held, lastManifestId: manifestId, schemaVersion };
}

async function payload(manifestId: string, query = '', accept = '*/*') {
  const url = `/api/device-sync/manifests/${manifestId}/payload${query}`;
  const headers = { 'x-device-mac': DEMO_MAC, accept };
  const response = await app.inject({ method: 'GET', url, headers });
  return { status: response.statusCode, headers: response.headers, response };
}

function framesOf(bytes: Buffer): string[] {
  return new FrameDecoder()
    .push(bytes)
    .map(({ header: { kind, encoding, number } }) => `${kind} ${encoding} ${number}`);
}

async function acknowledge(more: object, manifest: Manifest): Promise<unknown> {
  const tables = manifest.tables.map(({ name, rows, checksum }) => ({ name, rows, checksum }));
  const { manifestId } = manifest;
  const report = { manifestId, status: 'applied', cycleId: ulid(), durationMs: 1, tables };
  const times = { finishedAt: '2026-11-21T08:00:03.120Z' };
  return (await post('acknowledgements', { ...report, ...times, ...more })).answer;
}

describe('a request', () => {
  it('that names a dataset which central does not have is answered as if it did not', async () => {
    const { manifest } = await issue();
    const held = heldOf(manifest);
    const orphan = { ...held.tables[0]!, name: 'orphan' };
    const request = { protocolVersion: 1, nonce, ...held, tables: [orphan, ...held.tables] };
    expect((await post('request', request)).answer).toEqual({
      status: 'current',
      manifestId: manifest.manifestId,
      statement: expect.stringMatching(/^ey/),
    });
  });

  it.each([['lastManifestId'], ['schemaVersion']])('without %s is never current', async (field) => {
    const { manifest } = await issue();
    for (const absent of [null, undefined]) {
      const { plan } = await issue({ ...heldOf(manifest), [field]: absent });
      expect(plan.tables).toEqual([{ name: 'names', action: 'keep' }]);
    }
  });

  it('may have whole numbers with a point or an exponent, and null for what is optional', async () => {
    const text = `{"protocolVersion":1.0,"nonce":"${nonce}","tables":[],"wholeTables":null,"lastManifestId":null}`;
    expect(await post('request', text)).toMatchObject({ status: 200, answer: { status: 'update' } });
    expect(await post('request', text.replace('1.0', '10e-1'))).toMatchObject({ status: 200 });
  });

  it('has no field twice, and none that is unknown', async () => {
    const twice = `{"protocolVersion":1,"nonce":"${nonce}","tables":[],"nonce":"${nonce}"}`;
    expect(await post('request', twice)).toMatchObject({ status: 400, answer: { code: 'REQUEST_INVALID' } });
    const unknown = { protocolVersion: 1, nonce, tables: [], extra: 1 };
    expect(await post('request', unknown)).toMatchObject({
      status: 400,
      answer: { code: 'REQUEST_INVALID' },
    });
  });
});

describe('a payload', () => {
  it('of a plan that keeps all tables is the end frame, with the number 0', async () => {
    const { manifest } = await issue();
    const kept = await issue({ tables: heldOf(manifest).tables });
    expect(kept.plan).toEqual({ tables: [{ name: 'names', action: 'keep' }], wireBytes: 52 });
    const { response } = await payload(kept.manifest.manifestId);
    expect(framesOf(response.rawPayload)).toEqual(['end none 0']);
    expect((await payload(kept.manifest.manifestId, '?frames=0-0')).response.json()).toMatchObject({
      status: 400,
      code: 'FRAMES_INVALID',
    });
  });

  it.each([
    ['*/*', 'zstd', 'application/vnd.rivulet.frames'],
    ['application/vnd.rivulet.frames; blocks=zlib', 'zlib', 'application/vnd.rivulet.frames; blocks=zlib'],
  ])('for a client that accepts %s has blocks of %s', async (accept, encoding, type) => {
    const { manifest } = await issue();
    const { response, headers } = await payload(manifest.manifestId, '?frames=0-0', accept);
    expect(headers).toMatchObject({ 'content-type': type, vary: 'Accept' });
    expect(framesOf(response.rawPayload)).toEqual([`chunk ${encoding} 0`, 'end none 1']);
  });

  it.each(['?frames=00-0', '?frames=0-00', '?frames=', '?frames=0', '?frames=0-0,0-0', '?frames=1-0'])(
    'is refused with %s',
    async (query) => {
      const { manifest } = await issue();
      const { response } = await payload(manifest.manifestId, query);
      expect(response.json()).toMatchObject({ status: 400, code: 'FRAMES_INVALID' });
    },
  );
});

describe('an acknowledgement', () => {
  it('is repeated from the second one for the manifest on, whatever their statuses', async () => {
    const { manifest } = await issue();
    const { manifestId } = manifest;
    const receipt = { manifestId, status: 'failed', repeated: false };
    const failed = { status: 'failed', tables: [] };
    expect(await acknowledge(failed, manifest)).toEqual(receipt);
    expect(await acknowledge({}, manifest)).toEqual({ ...receipt, status: 'applied', repeated: true });
    expect(await acknowledge(failed, manifest)).toEqual({ ...receipt, status: 'applied', repeated: true });
  });

  it.each([
    '0001-01-01T00:00:00+15:59',
    '9999-12-31T23:59:59.123456789-15:59',
    '2024-02-29t08:00:00z',
    '2026-11-21T08:00:03-00:00',
  ])('may have finished at %s', async (finishedAt) => {
    const { manifest } = await issue();
    expect(await acknowledge({ finishedAt }, manifest)).toMatchObject({ status: 'applied' });
  });

  it.each([
    '2026-11-21T08:00:03',
    '2026-11-21 08:00:03Z',
    '2026-11-21T08:00Z',
    '2026-11-21T08:00:60Z',
    '2026-11-21T24:00:00Z',
    '2023-02-29T08:00:00Z',
    '0000-01-01T00:00:00Z',
    '2026-11-21T08:00:03.1234567890Z',
    '2026-11-21T08:00:03+16:00',
    '2026-11-21T08:00:03+0100',
    1_764_000_000,
  ])('may not have finished at %s', async (finishedAt) => {
    const { manifest } = await issue();
    expect(await acknowledge({ finishedAt }, manifest)).toMatchObject({
      code: 'REQUEST_INVALID',
      errors: [{ field: 'finishedAt' }],
    });
  });

  it.each([[-1], [0.5], [2 ** 31], ['1'], [null]])('may not have taken %s ms', async (durationMs) => {
    const { manifest } = await issue();
    expect(await acknowledge({ durationMs }, manifest)).toMatchObject({
      code: 'REQUEST_INVALID',
      errors: [{ field: 'durationMs' }],
    });
  });
});
