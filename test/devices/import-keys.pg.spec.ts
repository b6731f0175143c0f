import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generatePrivateKey, readSigningPair } from '@rivulet/signatures';
import { CentralHttp } from '../../apps/edge/src/hub/central-http';
import { KeyAuthentication } from '../../apps/edge/src/hub/key-authentication';
import { DeviceIdentity } from '../../apps/edge/src/identity/device-identity';
import { CentralInProcess } from '../support/apps/central-in-process';

const MAC = '48:b0:2d:e9:c3:b7';

let central: CentralInProcess;
let directory: string;

beforeAll(async () => {
  central = await CentralInProcess.start();
});
afterAll(() => central.stop());
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rivulet-import-'));
  await central.database.pool.query('TRUNCATE rivulet.devices CASCADE');
});
afterEach(() => rmSync(directory, { recursive: true }));

async function newKey(): Promise<{ pem: string; x: string }> {
  const pem = generatePrivateKey();
  return { pem, x: (await readSigningPair(pem)).publicJwk.x! };
}

async function importKeys(csv: string): Promise<[number, Record<string, unknown>]> {
  return central.call('POST', '/api/devices/import', { csv });
}

it('a device with a key of the list is known by it, without a token', async () => {
  const { pem, x } = await newKey();
  const other = await newKey();
  const csv = `mac,public_key,name\r\n${MAC},${x},gate\n48-B0-2D-00-00-01, ${other.x}\n\n`;
  expect(await importKeys(csv)).toEqual([200, { enrolled: 2, unchanged: 0 }]);
  expect(await importKeys(csv)).toEqual([200, { enrolled: 0, unchanged: 2 }]);

  const keyFile = join(directory, 'given.pem');
  writeFileSync(keyFile, pem, { mode: 0o600 });
  const authentication = new KeyAuthentication({
    identity: await DeviceIdentity.open(join(directory, 'identity'), keyFile),
    central: new CentralHttp(central.url),
    macAddress: MAC,
    enrolmentToken: undefined,
    centralKey: undefined,
    trust: { current: (root) => root, follow: () => Promise.reject(new Error('no other key is trusted')) },
    timeoutMs: 10_000,
    keyMaxAgeMs: 0,
    onEnrolled: () => undefined,
    onRotated: () => undefined,
    onRotationFailed: () => undefined,
  });
  const headers = await authentication.headers(AbortSignal.timeout(10_000));

  const request = { protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] };
  expect(await central.call('POST', '/api/device-sync/request', request, headers)).toMatchObject([
    200,
    { status: 'update' },
  ]);
});

it('a list with a mistake enrols nobody, and its lines are named', async () => {
  const { x } = await newKey();
  const [status, { errors }] = await importKeys(
    [
      `${MAC},${x}`,
      'x,y',
      `48:b0:2d:00:00:01,${x}`,
      '48:b0:2d:00:00:02,short',
      `48:b0:2d:00:00:03,${x},a,b`,
    ].join('\n'),
  );
  expect(status).toBe(400);
  expect((errors as { field: string }[]).map(({ field }) => field)).toEqual(
    [2, 3, 4, 5].map((line) => `csv line ${line}`),
  );
  expect(await central.call('GET', '/api/devices')).toEqual([200, { devices: [] }]);
});

it('no key of a device is replaced by a list', async () => {
  const [first, second] = [await newKey(), await newKey()];
  await importKeys(`${MAC},${first.x}`);
  expect(await importKeys(`48:b0:2d:00:00:01,${second.x}\n${MAC},${(await newKey()).x}`)).toMatchObject([
    400,
    { errors: [{ field: 'csv line 2' }] },
  ]);
  expect(await importKeys(`48:b0:2d:00:00:02,${first.x}`)).toMatchObject([
    400,
    { errors: [{ field: 'csv line 1' }] },
  ]);
});
