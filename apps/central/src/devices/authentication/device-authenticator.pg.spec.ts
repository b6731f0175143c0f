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
