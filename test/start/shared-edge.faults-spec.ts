import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningApp } from '../support/apps/running-app';
import { createTestDatabase, spawnApp, startApp, type TestDatabase } from '@rivulet/testing';
import { inProcess } from '../support/apps/pair-in-process';
import { DEMO_MAC, startCentral } from '../support/apps/sync-pair';

/** Another device of the demo data. */
const OTHER_MAC = '48:b0:2d:73:b4:0d';

let directory: string;
let databases: [TestDatabase, TestDatabase];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rivulet-shared-'));
  databases = await Promise.all([createTestDatabase(), createTestDatabase()]);
});
afterEach(async () => {
  for (const database of databases) await database.drop();
  rmSync(directory, { recursive: true });
});

function edge(database: TestDatabase, environment: Record<string, string> = {}): Record<string, string> {
  return {
    EDGE_DATABASE_URL: database.url,
    EDGE_CENTRAL_URL: 'http://127.0.0.1:9',
    EDGE_MAC_ADDRESS: DEMO_MAC,
    EDGE_SPOOL_FILE: join(directory, 'edge.spool'),
    EDGE_FIRST_SYNC_DELAY: '1h',
    EDGE_SYNC_SCHEDULE: '1h',
    ...environment,
  };
}

/** The one line with which a start ends that does not succeed. */
async function refusal(environment: Record<string, string>): Promise<string> {
  const second = spawnApp('edge', environment);
  const code = await second.exited;
  const lines = second.log.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  if (code !== 1 || lines.length !== 1) throw new Error(`It ended with ${code} and said:\n${second.log}`);
  return lines[0]!;
}

async function sync({ url }: RunningApp): Promise<{ status: string; error?: { code: string } }> {
  const response = await fetch(`${url}/api/sync/now`, { method: 'POST' });
  return (await response.json()) as { status: string; error?: { code: string } };
}

describe('two edges in one folder (shared-spool)', () => {
  it('the second says which process has the spool; a killed first leaves nothing in its way', async () => {
    const first = await startApp('edge', edge(databases[0]));
    const second = edge(databases[1], { EDGE_MAC_ADDRESS: OTHER_MAC });

    expect(await refusal(second)).toBe(
      `edge did not start: The spool ${join(directory, 'edge.spool')} is in use by process ${first.pid}. ` +
        'Stop that process, or set EDGE_SPOOL_FILE to a different file for this edge.',
    );

    await first.kill();
    const successor = await startApp('edge', second);
    expect(await successor.stop()).toBe(0);
    expect(readdirSync(directory)).toEqual(['edge.spool']);
  });
});

describe('two edges with different addresses on one database (two-macs-one-database)', () => {
  let central: RunningApp;

  beforeEach(async () => {
    central = await startCentral(databases[1], { starters: inProcess });
  });
  afterEach(() => central.stop());

  const settings = (mac: string, more: Record<string, string> = {}): Record<string, string> =>
    edge(databases[0], {
      EDGE_CENTRAL_URL: central.url,
      EDGE_MAC_ADDRESS: mac,
      EDGE_SPOOL_FILE: join(directory, `${mac}.spool`),
      ...more,
    });

  it('the second is refused at its start, with both ways out', async () => {
    const first = await inProcess.edge(settings(DEMO_MAC));
    expect(await sync(first)).toMatchObject({ status: 'applied' });

    const text = await refusal(settings(OTHER_MAC));

    expect(text).toContain(
      `The database has the mirrors of the device ${DEMO_MAC}, and this device is ${OTHER_MAC}.`,
    );
    expect(text).toMatch(/EDGE_DATABASE_URL .* EDGE_FORMER_MAC_ADDRESS/);
    expect(await sync(first)).toMatchObject({ status: 'current' });
    await first.stop();
  });

  it('of two that start on an empty database, the one that syncs later is refused', async () => {
    const [first, second] = await Promise.all(
      [DEMO_MAC, OTHER_MAC].map((mac) => inProcess.edge(settings(mac))),
    );
    expect(await sync(first!)).toMatchObject({ status: 'applied' });

    expect(await sync(second!)).toMatchObject({
      status: 'failed',
      error: { code: 'DATABASE_OF_OTHER_DEVICE' },
    });

    await Promise.all([first!.stop(), second!.stop()]);
  });

  it('a device with a new address keeps its database, and the former address is refused then', async () => {
    const before = await inProcess.edge(settings(DEMO_MAC));
    await sync(before);
    await before.stop();

    const after = await inProcess.edge(settings(OTHER_MAC, { EDGE_FORMER_MAC_ADDRESS: DEMO_MAC }));
    expect(await sync(after)).toMatchObject({ status: 'applied' });
    await after.stop();

    const again = await inProcess.edge(settings(OTHER_MAC));
    expect(await sync(again)).toMatchObject({ status: 'current' });
    await again.stop();
    expect(await refusal(settings(DEMO_MAC))).toContain(`the device ${OTHER_MAC}`);
  });
});
