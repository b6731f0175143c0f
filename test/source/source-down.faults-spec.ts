import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedServer, type EmbeddedServer } from '@rivulet/embedded-postgres';
import type { RunningApp } from '../support/apps/running-app';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { Client } from 'pg';
import { DEMO_MAC, startCentral, until } from '../support/apps/sync-pair';

const datasets = `version: 1
scope:
  query: SELECT id AS device_id FROM public.devices WHERE mac_address = :mac_address
datasets:
  - { name: users, key: [id], query: "SELECT id, name FROM public.users" }
`;

const STRANGER = '48:b0:2d:00:00:99';
const unknown = { protocolVersion: 1, nonce: 'A'.repeat(22), tables: [] };

interface Issued {
  manifestId: string;
  tables: { name: string; rows: number; checksum: string }[];
}

describe('central, while the database of the data owner is down,', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-source-down-'));
  const settings = { fsync: 'off', autovacuum: 'off' };
  let source: EmbeddedServer;
  let own: TestDatabase;
  let central: RunningApp;
  let issued: Issued;

  beforeAll(async () => {
    const file = join(directory, 'datasets.yaml');
    writeFileSync(file, datasets);
    source = await startSource();
    await onSource(`
      CREATE TABLE public.devices (id int PRIMARY KEY, mac_address text); INSERT INTO public.devices VALUES (1, '${DEMO_MAC}');
      CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ada')`);
    own = await createTestDatabase();
    central = await startCentral(own, {
      central: {
        CENTRAL_SOURCE_DATABASE_URL: source.url('shop'),
        CENTRAL_DATASETS_FILE: file,
        CENTRAL_DEMO_DATA: 'false',
      },
    });
    issued = await issuedTo(await request());
    await source.stop();
  }, 120_000);

  afterAll(async () => {
    await central.stop();
    await own.drop();
    await source.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function startSource(port?: number): Promise<EmbeddedServer> {
    const home = join(directory, 'source');
    const options = { directory: home, databases: ['shop'], settings };
    return startEmbeddedServer(port === undefined ? options : { ...options, port });
  }

  async function onSource(statements: string): Promise<void> {
    const client = new Client({ connectionString: source.url('shop') });
    await client.connect();
    await client.query(statements);
    await client.end();
  }

  async function post(route: string, body: object, mac = DEMO_MAC): Promise<Response> {
    return fetch(`${central.url}/api/device-sync/${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-device-mac': mac },
      body: JSON.stringify(body),
    });
  }

  async function request(mac = DEMO_MAC): Promise<Response> {
    return post('request', unknown, mac);
  }

  async function issuedTo(answer: Response): Promise<Issued> {
    const { manifest } = (await answer.json()) as { manifest: string };
    const [, body] = manifest.split('.');
    return JSON.parse(Buffer.from(body!, 'base64url').toString()) as Issued;
  }

  async function payload(mac = DEMO_MAC): Promise<Response> {
    return fetch(`${central.url}/api/device-sync/manifests/${issued.manifestId}/payload`, {
      headers: { 'x-device-mac': mac },
    });
  }

  function acknowledgement(): object {
    const { manifestId, tables } = issued;
    return {
      manifestId,
      status: 'applied',
      cycleId: manifestId,
      finishedAt: '2026-11-21T08:00:03.251Z',
      durationMs: 1,
      tables: tables.map(({ name, rows, checksum }) => ({ name, rows, checksum })),
    };
  }

  it('serves the payload of a manifest that it has issued', async () => {
    const answer = await payload();
    expect(answer.status).toBe(200);
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100);
  });

  it('takes the acknowledgement of it', async () => {
    const answer = await post('acknowledgements', acknowledgement());
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      manifestId: issued.manifestId,
      status: 'applied',
      repeated: false,
    });
  });

  it('does neither for another device', async () => {
    const answers = [await payload(STRANGER), await post('acknowledgements', acknowledgement(), STRANGER)];
    for (const answer of answers) {
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    }
  });

  it('tells every device that asks what it should have to come again', async () => {
    for (const answer of [await request(), await request(STRANGER)]) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await answer.json()).toMatchObject({
        code: 'SOURCE_UNAVAILABLE',
        detail: expect.stringMatching(/^The source database is not available \(.+\)\.$/) as string,
      });
    }
  });

  it('counts what it answers', async () => {
    const metrics = await (await fetch(`${central.url}/metrics`)).text();
    expect(metrics).toMatch(/^rivulet_central_sync_request_failures_total\{code="SOURCE_UNAVAILABLE"\} 2$/m);
    expect(metrics).toMatch(/^rivulet_central_acknowledgements_total\{status="applied"\} 1$/m);
    expect(metrics).toMatch(/^rivulet_central_manifests_issued_total 1$/m);
  });

  it('says nothing of it above WARN', () => {
    expect(central.complaints.filter(({ level }) => level !== 'warn')).toEqual([]);
  });

  it('answers again when it is back', async () => {
    source = await startSource(source.port);
    await until('a device is answered', async () => (await request()).status === 200);
  });
});
