import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AppProcess } from '@rivulet/app-process';
import { startEmbeddedServer, type EmbeddedServer } from '@rivulet/embedded-postgres';
import { createTestDatabase, startApp, type TestDatabase } from '@rivulet/testing';
import { Client } from 'pg';
import { collectionKills, historySeed } from '../support/histories/history-length';
import { seededRandom } from '../support/attacks/odd-inputs';
import { ADMIN_PASSWORD, bearer } from '../support/clients/operator';

const MAC = '02:00:00:00:77:01';
const apps = ['edge', 'central'] as const;
type App = (typeof apps)[number];
type Victim = App | 'edge database' | 'central database';
/** Few kills are of the apps: a server of its own for each database costs more than all else here. */
const victims: Victim[] = collectionKills < 4 ? [...apps] : [...apps, 'edge database', 'central database'];
const hasOwnServers = victims.length > apps.length;
const modes = ['mirror', 'append', 'snapshot'] as const;
const ROWS = 3_000;

jest.setTimeout(60_000 + collectionKills * 60_000);

const directory = mkdtempSync(join(tmpdir(), 'rivulet-killed-'));
const random = seededRandom(historySeed);
const servers: Partial<Record<App, EmbeddedServer>> = {};
const databases: Partial<Record<App, TestDatabase>> = {};
let token = '';
let central: AppProcess | undefined;
let edge: AppProcess | undefined;
let networkId: string;
const jobs: Record<string, string> = {};

async function startServer(name: App): Promise<void> {
  const port = servers[name]?.port;
  const options = {
    directory: join(directory, name),
    databases: [name],
    ...(port !== undefined && { port }),
  };
  servers[name] = await startEmbeddedServer(options);
}

async function createDatabase(name: App): Promise<void> {
  if (hasOwnServers) await startServer(name);
  else databases[name] = await createTestDatabase();
}

const urlOf = (name: App): string => databases[name]?.url ?? servers[name]!.url(name);

async function startCentral(): Promise<void> {
  const port = central === undefined ? '0' : new URL(central.url).port;
  central = await startApp('central', {
    CENTRAL_DATABASE_URL: urlOf('central'),
    CENTRAL_DEMO_DATA: 'true',
    CENTRAL_ADMIN_PASSWORD: ADMIN_PASSWORD,
    CENTRAL_COLLECTION_POLL: '1s',
    CENTRAL_PORT: port,
  });
}

async function startEdge(): Promise<void> {
  edge = await startApp('edge', {
    EDGE_DATABASE_URL: urlOf('edge'),
    EDGE_CENTRAL_URL: central!.url,
    EDGE_MAC_ADDRESS: MAC,
    EDGE_COLLECT_ALLOW: 'things',
    EDGE_COLLECT_SPOOL: join(directory, 'collected'),
    EDGE_SPOOL_FILE: join(directory, 'edge.spool'),
    EDGE_SYNC_SCHEDULE: '1d',
    EDGE_FIRST_SYNC_DELAY: '1h',
  });
}

async function query<Row extends object>(name: App, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client(urlOf(name));
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** With a token: central computes a hash of a password with each call, which is slow on purpose. */
async function call<T>(method: string, path: string, body?: object, isAgain = false): Promise<T> {
  if (token === '') {
    const login = { username: 'admin', password: ADMIN_PASSWORD };
    const answer = await fetch(`${central!.url}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(login),
    });
    ({ token } = (await answer.json()) as { token: string });
  }
  const response = await fetch(`${central!.url}${path}`, {
    method,
    headers: { ...bearer(token), ...(body && { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
  });
  if (response.status === 401 && !isAgain) {
    // The token has expired.
    token = '';
    return call(method, path, body, true);
  }
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

beforeAll(async () => {
  await Promise.all(apps.map(createDatabase));
  await startCentral();
  await query(
    'edge',
    `CREATE TABLE things AS SELECT n AS id, md5(n::text) AS name, now() - n * interval '1 s' AS at FROM generate_series(1, ${ROWS}) AS n;
     ALTER TABLE things ADD PRIMARY KEY (id)`,
  );
  const device = { name: 'killed', kind: 'edge', macAddress: MAC };
  networkId = (await call<{ deviceId: string }>('POST', '/api/devices', device)).deviceId;
  for (const mode of modes) {
    const sql_command = `SELECT * FROM things${mode === 'append' ? ' WHERE at > ?' : ''}`;
    const { id } = await call<{ id: string }>('POST', '/api/schemas', {
      name: mode,
      mode,
      sql_command,
      target_table: mode,
    });
    const job = { name: mode, schema_id: id, network_id: networkId };
    jobs[mode] = (await call<{ id: string }>('POST', '/api/jobs', job)).id;
  }
  await startEdge();
});
afterAll(async () => {
  await edge?.kill();
  await central?.kill();
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  await Promise.all(Object.values(databases).map((database) => database.drop()));
  rmSync(directory, { recursive: true, force: true });
});

/** Kills one of the four, and starts again what is gone. */
async function strike(victim: Victim): Promise<void> {
  if (victim === 'edge') await edge!.kill();
  else if (victim === 'central') await central!.kill();
  else {
    const name = victim === 'edge database' ? 'edge' : 'central';
    process.kill(servers[name]!.pid, 'SIGKILL');
    await servers[name]!.exited;
    await startServer(name);
  }
  if (victim === 'central') await startCentral();
  // One that waits before it tries again is as good as dead for so long.
  await edge!.kill();
  await startEdge();
}

/** As a lease ends that nobody renews. */
const endLeases = (): Promise<object[]> =>
  query('central', "UPDATE rivulet.collection_tasks SET lease_until = now() WHERE state = 'active'");

async function isOver(runId: string): Promise<string | undefined> {
  const { state, finished_at } = await call<{ state: string; finished_at: string | null }>(
    'GET',
    `/api/runs/${runId}`,
  );
  return finished_at === null ? undefined : state;
}

/** Runs all jobs until they succeed: what fails because of a kill is run again. */
async function runAll(during: () => Promise<void>): Promise<void> {
  const runs = new Map<string, string>();
  for (const mode of modes)
    runs.set(mode, (await call<{ id: string }>('POST', `/api/jobs/${jobs[mode]}/run`)).id);
  await during();
  for (const [mode, first] of runs) {
    let runId = first;
    for (;;) {
      const state = await isOver(runId).catch(() => undefined);
      if (state === 'succeeded') break;
      if (state === undefined) await delay(50);
      else runId = (await call<{ id: string }>('POST', `/api/jobs/${jobs[mode]}/run`)).id;
    }
  }
}

async function rowsOf(name: App, from: string): Promise<string> {
  const [row] = await query<{ rows: string }>(
    name,
    `SELECT count(*) || ' ' || md5(string_agg(format('%s %s %s', id, name, extract(epoch FROM at)), ',' ORDER BY id)) AS rows
     FROM ${from}`,
  );
  return row!.rows;
}

/** No row twice, none missing, and no half run to be seen. */
async function expectWhole(): Promise<void> {
  const source = await rowsOf('edge', 'things');
  expect(await rowsOf('central', 'collected.mirror')).toBe(source);
  expect(await rowsOf('central', 'collected.append')).toBe(source);
  const snapshots = await query(
    'central',
    `SELECT run_id, count(*)::int AS rows FROM collected.snapshot GROUP BY run_id ORDER BY run_id`,
  );
  const succeeded = await query(
    'central',
    `SELECT run_id, rows::int AS rows FROM rivulet.collection_tasks JOIN rivulet.collection_runs AS run USING (run_id)
     WHERE job_id = $1 AND collection_tasks.state = 'succeeded' ORDER BY run_id`,
    [jobs['snapshot']],
  );
  expect(snapshots).toEqual(succeeded);
}

it(`rows are there once and whole after ${collectionKills} kills of either app and either database (seed ${historySeed})`, async () => {
  await runAll(async () => undefined);
  await expectWhole();
  for (let kill = 0; kill < collectionKills; kill++) {
    const victim = victims[(kill + historySeed) % victims.length]!;
    const from = Math.floor(random() * ROWS);
    await query(
      'edge',
      `UPDATE things SET name = name || 'x', at = clock_timestamp() WHERE id BETWEEN $1 AND $1 + 600`,
      [from],
    );
    await query('edge', `INSERT INTO things SELECT max(id) + 1, 'new', clock_timestamp() FROM things`);
    await runAll(async () => {
      await delay(random() * 1_200);
      await strike(victim);
      await endLeases();
    });
    await expectWhole();
  }
});
