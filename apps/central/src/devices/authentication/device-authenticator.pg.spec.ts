import type { IncomingHttpHeaders } from 'node:http';
import { CentralFixture } from '../../../test/central-fixture';
import { DevicesProcess } from '../../../test/devices-fixture';
import type { DeviceStatus } from '../device';

const MAC = '48:b0:2d:e9:c3:b7';

let fixture: CentralFixture;
let central: DevicesProcess;

beforeAll(async () => {
  fixture = await CentralFixture.create();
});
afterAll(() => fixture.close());
afterEach(() => jest.restoreAllMocks());
beforeEach(async () => {
  await fixture.database.pool.query('TRUNCATE rivulet.devices, rivulet.device_removals CASCADE');
  central = await DevicesProcess.start(fixture, { auth: 'mac' });
});

function callWith(header: string | string[] | undefined) {
  return { headers: header === undefined ? {} : { 'x-device-mac': header }, ip: '192.0.2.7' };
}

describe('a device that is known by its MAC address', () => {
  it.each([
    '48:b0:2d:e9:c3:b7',
    '48:B0:2D:E9:C3:B7',
    '48-b0-2d-e9-c3-b7',
    '48b0.2de9.c3b7',
    ' 48b02de9c3b7 ',
  ])('is let in with %j, in one form', async (header) => {
    expect(await central.authenticator.authenticate(callWith(header))).toEqual({
      kind: 'device',
      id: MAC,
      name: MAC,
      device: { macAddress: MAC },
    });
  });

  it.each([undefined, '', '  '])(
    'is refused with the header %j, as nobody knows whose it is',
    async (header) => {
      await expect(central.authenticator.authenticate(callWith(header))).rejects.toMatchObject({
        code: 'DEVICE_UNIDENTIFIED',
      });
    },
  );

  it.each(['48:b0:2d:e9:c3', '48:b0:2d:e9:c3:b7:01', '48:b0:2d:e9:c3:zz', 'a device'])(
    'is refused with %j, which is no MAC address',
    async (header) => {
      await expect(central.authenticator.authenticate(callWith(header))).rejects.toMatchObject({
        code: 'MAC_ADDRESS_INVALID',
      });
    },
  );

  it('is the one of the registry that has the address, and has been seen', async () => {
    const { deviceId } = await central.registry.create({
      name: 'gate',
      macAddress: MAC,
      kind: 'edge',
      status: 'active',
    });
    expect((await central.authenticator.authenticate(callWith(MAC))).device).toMatchObject({
      deviceId,
      macAddress: MAC,
    });

    await central.presence.flush();
    expect(await central.registry.get(deviceId)).toMatchObject({ address: '192.0.2.7' });
  });

  it.each([
    ['pending', 'DEVICE_PENDING'],
    ['revoked', 'DEVICE_REVOKED'],
    ['quarantined', 'DEVICE_QUARANTINED'],
  ] as [DeviceStatus, string][])('is refused while it is %s', async (status, code) => {
    await central.registry.create({ name: 'gate', macAddress: MAC, kind: 'edge', status });
    await expect(central.authenticator.authenticate(callWith(MAC))).rejects.toMatchObject({ code });
  });
});

function bearer(token: string): IncomingHttpHeaders {
  return { authorization: `Bearer ${token}` };
}

function basic(deviceId: string, token: string): IncomingHttpHeaders {
  return { authorization: `Basic ${Buffer.from(`${deviceId}:${token}`).toString('base64')}` };
}

async function registered(macAddress: string): Promise<string> {
  const device = { name: macAddress, macAddress, kind: 'edge', status: 'active' } as const;
  return (await central.registry.create(device)).deviceId;
}

async function addKey(deviceId: string, thumbprint: string): Promise<void> {
  await fixture.database.pool.query(
    `INSERT INTO rivulet.device_keys (thumbprint, device_id, public_jwk, status) VALUES ($1, $2, '{}', 'active')`,
    [thumbprint, deviceId],
  );
}

/** A device with its headers, and those that are wrong. */
interface Callers {
  deviceId: string;
  right: IncomingHttpHeaders[];
  wrong: IncomingHttpHeaders[];
}

async function agent(): Promise<Callers> {
  const [one, other] = [await registered('48:b0:2d:e9:c3:b8'), await registered('48:b0:2d:e9:c3:b9')];
  const [token, foreign] = [await central.agentTokens.replace(one), await central.agentTokens.replace(other)];
  await central.authenticator.authenticate({ headers: basic(other, foreign), ip: '192.0.2.8' });
  return {
    deviceId: one,
    right: [bearer(token), basic(one, token)],
    wrong: [basic(one, foreign), basic('x', token), bearer(`${token}x`), bearer('rvt_')],
  };
}

async function edge(): Promise<Callers> {
  const deviceId = await registered(MAC);
  await addKey(deviceId, 'its key');
  const { token } = await central.tokens.issue(deviceId, 'its key');
  const { token: retired } = await central.tokens.issue(deviceId, 'another key');
  await central.tokens.verify(retired);
  return {
    deviceId,
    right: [bearer(token)],
    wrong: [bearer(retired), bearer(`${token}x`), bearer('x'.repeat(3_000)), { 'x-device-mac': MAC }],
  };
}

async function byMac(): Promise<Callers> {
  const deviceId = await registered(MAC);
  const wrong = [{ 'x-device-mac': 'a device' }, { 'x-device-mac': ['a', 'b'] }, {}];
  return { deviceId, right: [{ 'x-device-mac': MAC }], wrong };
}

const before = { revoked: ['active'], active: ['revoked'] } as const;

describe('a device that is recalled', () => {
  it.each([
    ['its own token', agent],
    ['an access token', edge],
    ['its MAC address', byMac],
  ])('by %s is one that would be let in, from memory alone', async (_, make) => {
    await central.directory.poll();
    const { deviceId, right, wrong } = await make();
    const recall = (headers: IncomingHttpHeaders) => central.authenticator.recall(headers, '192.0.2.7');
    const recalled = (all: IncomingHttpHeaders[]) => all.map((headers) => recall(headers)?.deviceId);
    for (const headers of [...right, ...wrong])
      await central.authenticator.authenticate({ headers, ip: '192.0.2.7' }).catch(() => undefined);
    const query = jest.spyOn(central.tables, 'rows');

    expect([recalled(right), recalled(wrong)]).toEqual([
      right.map(() => deviceId),
      wrong.map(() => undefined),
    ]);
    expect(query).not.toHaveBeenCalled();

    for (const next of ['revoked', 'active'] as const) {
      await central.registry.setStatus(deviceId, next, before[next]);
      expect(recalled(right)).toEqual(right.map(() => undefined));
      await central.directory.find(deviceId);
      expect(recalled(right)).toEqual(right.map(() => (next === 'active' ? deviceId : undefined)));
    }
    const now = performance.now();
    jest.spyOn(performance, 'now').mockReturnValue(now + 5_000);
    expect(recalled(right)).toEqual(right.map(() => undefined));
  });
});
