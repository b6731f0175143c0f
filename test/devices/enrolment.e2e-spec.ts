import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { verifyProof, type DeviceProof } from '@rivulet/signatures';
import { inProcess } from '../support/apps/pair-in-process';
import { DEMO_MAC, startCentral, SyncPair, type Starters } from '../support/apps/sync-pair';
import { asAdmin } from '../support/clients/operator';

const YEAR_MS = 365 * 86_400_000;
/** By then every process of central knows that a device was revoked. */
const REVOKED_WITHIN_MS = 5_000;

interface Identity {
  deviceId?: string;
  keyThumbprint: string;
  centralKey?: string;
}

let directory: string;
let pair: SyncPair;

async function start(starters: Partial<Starters>): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'rivulet-identity-'));
  pair = await SyncPair.start({
    starters,
    central: { CENTRAL_DEVICE_AUTH: 'key' },
    edge: { EDGE_DEVICE_AUTH: 'key', EDGE_IDENTITY_DIRECTORY: join(directory, 'identity') },
  });
}

afterEach(async () => {
  await pair.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function makeToken(): Promise<string> {
  const response = await fetch(`${pair.central.url}/api/enrolment-tokens`, {
    method: 'POST',
    headers: { ...asAdmin, 'content-type': 'application/json' },
    body: JSON.stringify({ macAddress: DEMO_MAC }),
  });
  return ((await response.json()) as { token: string }).token;
}

async function restartEdge(environment: Record<string, string>): Promise<void> {
  await pair.edge.stop();
  pair.edge = await pair.startEdge(environment);
}

async function proofOf(deviceId: string): Promise<DeviceProof> {
  const response = await fetch(`${pair.central.url}/api/devices/${deviceId}/proof`, { headers: asAdmin });
  return (await response.json()) as DeviceProof;
}

async function identity(): Promise<Identity> {
  const response = await fetch(`${pair.edge.url}/api/sync/status`);
  return ((await response.json()) as { identity: Identity }).identity;
}

describe('an edge with a key of its own', () => {
  it('is refused until it is enrolled, and then syncs as the same device for ever', async () => {
    await start({});
    expect(await pair.syncNow()).toMatchObject({ status: 'failed', error: { code: 'EDGE_NOT_ENROLLED' } });
    const { keyThumbprint } = await identity();

    const token = await makeToken();
    await restartEdge({ EDGE_ENROLMENT_TOKEN: token });
    expect(await pair.syncNow()).toMatchObject({ status: 'applied', acknowledged: true });
    const enrolled = await identity();
    expect(enrolled).toMatchObject({ keyThumbprint, centralKey: token.split('.')[1] });

    await restartEdge({});
    expect(await pair.syncNow()).toMatchObject({ status: 'current' });
    expect(await identity()).toEqual(enrolled);
    expect(statSync(join(directory, 'identity', 'device-key.pem')).mode & 0o777).toBe(0o600);
    expect(await pair.centralRows('SELECT device_id, status FROM rivulet.devices')).toEqual([
      `(${enrolled.deviceId},active)`,
    ]);
    expect(await verifyProof(await proofOf(enrolled.deviceId!))).toMatchObject({
      deviceId: enrolled.deviceId,
      macAddress: DEMO_MAC,
      centralKey: enrolled.centralKey,
      deviceKey: keyThumbprint,
    });
    const told = [...pair.edge.complaints, ...pair.central.complaints].map(({ msg }) => msg);
    expect(told.filter((line) => !line.includes('fsync'))).toEqual([]);
  });

  it('is refused by all processes of central 5 seconds after it was revoked', async () => {
    await start(inProcess);
    await restartEdge({ EDGE_ENROLMENT_TOKEN: await makeToken() });
    expect(await pair.syncNow()).toMatchObject({ status: 'applied' });
    const second = await startCentral(pair.centralDb, {
      starters: inProcess,
      central: { CENTRAL_DEVICE_AUTH: 'key' },
    });
    try {
      await pair.centralDb.pool.query(
        `UPDATE rivulet.devices SET status = 'revoked', changed_at = clock_timestamp()`,
      );
      await delay(REVOKED_WITHIN_MS);

      const refused = { status: 'failed', error: { code: 'DEVICE_REVOKED' } };
      expect(await pair.syncNow()).toMatchObject(refused);
      await restartEdge({ EDGE_CENTRAL_URL: second.url });
      expect(await pair.syncNow()).toMatchObject(refused);
    } finally {
      await second.stop();
    }
  });

  it.each([
    ['1970', -56 * YEAR_MS],
    ['2099', 73 * YEAR_MS],
  ])('enrols and syncs with a clock in %s', async (_, offsetMs) => {
    await start({ central: inProcess.central });
    const clock = join(directory, 'clock.cjs');
    writeFileSync(
      clock,
      `const RealDate = Date;
       globalThis.Date = class extends RealDate {
         constructor(...given) { if (given.length > 0) super(...given); else super(RealDate.now() + ${offsetMs}); }
         static now() { return RealDate.now() + ${offsetMs}; }
       };`,
    );
    await restartEdge({ EDGE_ENROLMENT_TOKEN: await makeToken(), NODE_OPTIONS: `--require ${clock}` });

    expect(await pair.syncNow()).toMatchObject({ status: 'applied', acknowledged: true });
    await restartEdge({ NODE_OPTIONS: `--require ${clock}` });
    expect(await pair.syncNow()).toMatchObject({ status: 'current' });
  });
});

it('central believes no MAC address', async () => {
  await start(inProcess);
  const response = await fetch(`${pair.central.url}/api/device-sync/request`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-device-mac': DEMO_MAC },
    body: JSON.stringify({ protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] }),
  });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ code: 'DEVICE_UNIDENTIFIED' });
});
