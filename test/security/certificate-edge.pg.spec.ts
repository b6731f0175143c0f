import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ServerTls } from '@rivulet/platform';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { Agent, fetch as fetchOver } from 'undici';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CertificateFiles, TestAuthority, type IssuedCertificate } from '../support/attacks/certificates';
import { startEdgeInProcess } from '../support/apps/edge-in-process';
import type { RunningApp } from '../support/apps/running-app';
import { asAdmin } from '../support/clients/operator';
import { DEMO_MAC } from '../support/apps/sync-pair';

/** Files are looked at again after this time. */
const FILES_KEPT_MS = 6_000;

interface Synced {
  status: string;
  acknowledged: boolean;
  error?: { code: string };
}

interface Status {
  state: string;
  live: { connected: boolean; problem?: string };
  lastResult?: { status: string; trigger: string };
}

let files: CertificateFiles;
let clients: TestAuthority;
let servers: TestAuthority;
let operator: Agent;
let central: CentralInProcess;
let edgeDatabase: TestDatabase;
let edge: RunningApp;
let deviceId: string;
let first: IssuedCertificate;
let laterMs = 0;
const over = new AbortController();

beforeAll(async () => {
  files = new CertificateFiles();
  servers = await TestAuthority.create('servers');
  clients = await TestAuthority.create('clients');
  operator = new Agent({ connect: { ca: servers.cert } });
  const shown = await servers.issueForServer();
  central = await CentralInProcess.start({
    CENTRAL_TLS_CERT_FILE: files.write('server.pem', shown.cert),
    CENTRAL_TLS_KEY_FILE: files.write('server.key', shown.key),
    CENTRAL_CLIENT_CA: files.write('clients.pem', clients.cert),
    CENTRAL_CLIENT_CRL: files.write('clients.crl', await clients.revocationList()),
    CENTRAL_HEARTBEAT_INTERVAL: '1s',
  });
  ({ deviceId } = await operate<{ deviceId: string }>('POST', '/api/devices', {
    name: 'gate',
    macAddress: DEMO_MAC,
  }));
  // It is the same device that was known by a key before.
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  await operate('POST', '/api/devices/import', { csv: `${DEMO_MAC},${x}` });
  edgeDatabase = await createTestDatabase();
  first = await renew();
  const now = performance.now.bind(performance);
  jest.spyOn(performance, 'now').mockImplementation(() => now() + laterMs);
  edge = await startEdgeInProcess(
    {
      EDGE_DATABASE_URL: edgeDatabase.url,
      EDGE_MAC_ADDRESS: DEMO_MAC,
      EDGE_CENTRAL_URL: central.url,
      EDGE_DEVICE_AUTH: 'certificate',
      EDGE_CENTRAL_CA_FILE: files.write('edge-ca.pem', servers.cert),
      EDGE_TLS_CERT_FILE: files.write('edge.pem', first.cert),
      EDGE_TLS_KEY_FILE: files.write('edge.key', first.key),
      EDGE_LIVE: 'true',
      EDGE_SYNC_SCHEDULE: '1h',
      EDGE_FIRST_SYNC_DELAY: '1h',
    },
    // A connection that central has just closed is made again.
    { retries: 2, minDelayMs: 1, maxDelayMs: 2 },
  );
});
afterAll(async () => {
  over.abort();
  await edge?.stop();
  await central?.stop();
  await operator?.close();
  await edgeDatabase?.drop();
  files?.remove();
  jest.restoreAllMocks();
});

async function operate<T>(method: string, path: string, body: object = {}): Promise<T> {
  const headers = { ...asAdmin, 'content-type': 'application/json' };
  const payload = method === 'GET' ? null : JSON.stringify(body);
  const init = { method, headers, body: payload, dispatcher: operator };
  const answer = await fetchOver(`${central.url}${path}`, init);
  expect(answer.status).toBeLessThan(300);
  return (await answer.json()) as T;
}

/** Writes the edge a new certificate of this device, as a tool on the device would. */
async function renew(): Promise<IssuedCertificate> {
  const certificate = await clients.issue({
    names: [{ type: 'url', value: `urn:rivulet:device:${deviceId}` }],
  });
  give(certificate);
  return certificate;
}

function give({ cert, key }: IssuedCertificate): void {
  files.write('edge.key', key);
  files.write('edge.pem', cert);
  laterMs += FILES_KEPT_MS;
}

async function revoke(...certificates: IssuedCertificate[]): Promise<void> {
  files.write('clients.crl', await clients.revocationList(certificates));
  central.get(ServerTls).reload();
}

async function sync(): Promise<Synced> {
  return (await (await fetch(`${edge.url}/api/sync/now`, { method: 'POST' })).json()) as Synced;
}

async function status(): Promise<Status> {
  return (await (await fetch(`${edge.url}/api/sync/status`)).json()) as Status;
}

/** Ends with the tests, also when it never comes true. */
async function until(isTrue: (now: Status) => boolean): Promise<void> {
  while (!over.signal.aborted && !isTrue(await status())) await delay(50);
}

async function rename(name: string): Promise<void> {
  await central.database.pool.query(
    `UPDATE public.locations SET name = $2 WHERE id = (SELECT location_id FROM public.devices WHERE mac_address = $1)`,
    [DEMO_MAC, name],
  );
}

async function names(): Promise<string[]> {
  const { rows } = await edgeDatabase.pool.query<{ name: string }>('SELECT name FROM public.locations');
  return rows.map(({ name }) => name);
}

it('syncs, reports and stays connected with its certificate alone, and is told of changes', async () => {
  expect(await sync()).toMatchObject({ status: 'applied', acknowledged: true });
  const { proved } = await operate<{ proved: object | null }>('GET', `/api/devices/${deviceId}`);
  expect(proved).toMatchObject({ status: 'applied' });
  await until(({ live }) => live.connected);
  await rename('Told over the connection');
  await until(({ lastResult }) => lastResult?.trigger === 'nudge' && lastResult.status === 'applied');
  expect(await names()).toEqual(['Told over the connection']);
});

it('shows a certificate that was renewed on its disk from then on, and loses its connection when that one ends', async () => {
  const second = await renew();
  await revoke(first);
  expect(await sync()).toMatchObject({ status: 'current' });
  await until(({ live }) => live.connected);
  const later = Date.now() + 2 * 86_400_000;
  const clock = jest.spyOn(Date, 'now').mockImplementation(() => later);
  await until(({ live }) => !live.connected && live.problem!.includes('expired'));
  clock.mockRestore();
  await revoke(first, second);
  expect(await sync()).toMatchObject({ error: { code: 'CLIENT_CERTIFICATE_REVOKED' } });
});

it('is refused with a code that says why, and keeps its rows', async () => {
  await rename('Not for whoever is refused');
  for (const [certificate, code] of [
    [await clients.issue({ commonName: deviceId, validForDays: -1 }), 'CLIENT_CERTIFICATE_EXPIRED'],
    [
      await (await TestAuthority.create('strangers')).issue({ commonName: deviceId }),
      'CLIENT_CERTIFICATE_UNTRUSTED',
    ],
    [await clients.issue({ commonName: 'nobody' }), 'CLIENT_CERTIFICATE_UNKNOWN'],
  ] as const) {
    give(certificate);
    expect(await sync()).toMatchObject({ status: 'failed', error: { code } });
  }
  expect(await names()).toEqual(['Told over the connection']);

  await renew();
  expect(await sync()).toMatchObject({ status: 'applied', acknowledged: true });
});

it('is refused when an operator has revoked the device', async () => {
  await operate('POST', `/api/devices/${deviceId}/revoke`, { reason: 'lost' });
  expect(await sync()).toMatchObject({ error: { code: 'DEVICE_REVOKED' } });
  expect(await names()).toEqual(['Not for whoever is refused']);
});
