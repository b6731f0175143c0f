import { readDeviceKeyStatement, statementTypes } from '@rivulet/protocol';
import { openStatement } from '@rivulet/signatures';
import { CentralFixture } from '../../../test/central-fixture';
import { DevicesProcess } from '../../../test/devices-fixture';
import { KeyedDevice } from '../../../test/keyed-device';

const MAC = '48:b0:2d:e9:c3:b7';
const OTHER_MAC = '48:b0:2d:e9:c3:b8';

let fixture: CentralFixture;
let central: DevicesProcess;

beforeAll(async () => {
  fixture = await CentralFixture.create();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  await query('TRUNCATE rivulet.devices, rivulet.device_removals, rivulet.enrolment_tokens CASCADE');
  central = await DevicesProcess.start(fixture);
});

async function query<T extends object>(text: string): Promise<T[]> {
  return (await fixture.database.pool.query<T>(text)).rows;
}

describe('the enrolment of an edge', () => {
  it('enters its key, and has central say so', async () => {
    const device = await KeyedDevice.create(MAC);
    const token = await central.enrolmentToken({ labels: { site: 'SFO' } });

    const { deviceId, status, statement } = await device.enrol(central, token);

    expect(status).toBe('active');
    expect(await central.registry.get(deviceId)).toMatchObject({ macAddress: MAC, labels: { site: 'SFO' } });
    const { json, signedBy } = await openStatement(statement, statementTypes.deviceKey);
    expect(signedBy.thumbprint).toBe(token.split('.')[1]);
    expect(readDeviceKeyStatement(json)).toMatchObject({
      deviceId,
      macAddress: MAC,
      thumbprint: device.key.thumbprint,
      centralId: central.signingKey.centralId,
    });
  });

  it('of 100 devices with one token at once lets one in', async () => {
    const token = await central.enrolmentToken();
    const devices = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        KeyedDevice.create(`48:b0:2d:00:01:${index.toString(16).padStart(2, '0')}`),
      ),
    );

    const attempts = await Promise.allSettled(devices.map((device) => device.enrol(central, token)));

    const refusals = attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [attempt.reason] : []));
    expect(refusals).toHaveLength(99);
    expect(refusals).toEqual(
      refusals.map(() => expect.objectContaining({ code: 'ENROLMENT_TOKEN_INVALID' })),
    );
    expect(await query('SELECT FROM rivulet.devices')).toHaveLength(1);
    expect(await query('SELECT FROM rivulet.device_keys')).toHaveLength(1);
  });

  it('lets as many in as the token has uses', async () => {
    const token = await central.enrolmentToken({ uses: 3 });
    const devices = await Promise.all(
      [1, 2, 3, 4].map((number) => KeyedDevice.create(`48:b0:2d:00:02:0${number}`)),
    );
    const attempts = await Promise.allSettled(devices.map((device) => device.enrol(central, token)));
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  });

  it('answers a device again whose first answer was lost, and spends nothing', async () => {
    const device = await KeyedDevice.create(MAC);
    const token = await central.enrolmentToken();
    const { deviceId } = await device.enrol(central, token);

    expect(await device.enrol(central, token)).toMatchObject({ deviceId, status: 'active' });
    expect(await device.enrol(central, undefined)).toMatchObject({ deviceId, status: 'active' });
  });

  it('waits for approval where the token says so', async () => {
    const device = await KeyedDevice.create(MAC);
    const { deviceId, status } = await device.enrol(
      central,
      await central.enrolmentToken({ needsApproval: true }),
    );
    expect(status).toBe('pending');
    await expect(device.headers(central)).rejects.toMatchObject({ code: 'DEVICE_PENDING' });

    await central.registry.setStatus(deviceId, 'active', ['pending']);

    expect(await device.headers(central)).toEqual({ authorization: expect.stringMatching(/^Bearer ey/) });
  });

  it.each([
    ['unknown', `SELECT`],
    ['expired', `UPDATE rivulet.enrolment_tokens SET expires_at = now() - interval '1 s'`],
    ['revoked', 'UPDATE rivulet.enrolment_tokens SET revoked_at = now()'],
    ['for an agent', `UPDATE rivulet.enrolment_tokens SET kind = 'agent'`],
  ])('is refused with a token that is %s', async (what, change) => {
    const device = await KeyedDevice.create(MAC);
    const token = await central.enrolmentToken();
    await query(change);
    const enrolment = device.enrol(central, what === 'unknown' ? `${token}x` : token);
    await expect(enrolment).rejects.toMatchObject({ code: 'ENROLMENT_TOKEN_INVALID' });
    expect(await query('SELECT FROM rivulet.devices')).toEqual([]);
  });

  it('is refused to another device than the one that the token is bound to, which can still use it', async () => {
    const token = await central.enrolmentToken({ macAddress: MAC });
    await expect((await KeyedDevice.create(OTHER_MAC)).enrol(central, token)).rejects.toMatchObject({
      code: 'ENROLMENT_TOKEN_FOREIGN',
    });
    expect((await (await KeyedDevice.create(MAC)).enrol(central, token)).status).toBe('active');
  });

  it('does not replace the key of a device, unless the token is for its MAC address', async () => {
    const first = await KeyedDevice.create(MAC);
    const { deviceId } = await first.enrol(central, await central.enrolmentToken());
    const thief = await KeyedDevice.create(MAC);
    await expect(thief.enrol(central, await central.enrolmentToken())).rejects.toMatchObject({
      code: 'DEVICE_MAC_TAKEN',
    });
    expect(await first.headers(central)).toBeDefined();

    const second = await KeyedDevice.create(MAC);
    expect(await second.enrol(central, await central.enrolmentToken({ macAddress: MAC }))).toMatchObject({
      deviceId,
    });

    expect(await second.headers(central)).toBeDefined();
    await expect(first.headers(central)).rejects.toMatchObject({ code: 'DEVICE_KEY_RETIRED' });
  });

  it('does not take over a device that has a token, and ends that token where it may', async () => {
    await central.registry.registerByMac(MAC);
    const { deviceId } = (await central.directory.findByMac(MAC))!;
    const token = await central.agentTokens.replace(deviceId);
    const edge = await KeyedDevice.create(MAC);
    await expect(edge.enrol(central, await central.enrolmentToken())).rejects.toMatchObject({
      code: 'DEVICE_MAC_TAKEN',
    });
    expect(await central.agentTokens.find({ token })).toMatchObject({ deviceId });
    await edge.enrol(central, await central.enrolmentToken({ macAddress: MAC }));
    expect(edge.deviceId).toBe(deviceId);
    expect(await central.agentTokens.find({ token })).toBeUndefined();
  });

  it('gives a key to a device of a trial, which keeps its id', async () => {
    await central.registry.registerByMac(MAC);
    const known = await central.directory.findByMac(MAC);
    const device = await KeyedDevice.create(MAC);
    const { deviceId } = await device.enrol(central, await central.enrolmentToken());
    expect(deviceId).toBe(known!.deviceId);
  });

  it('is refused where the proof is for another token, of another kind, unsigned or no proof', async () => {
    const device = await KeyedDevice.create(MAC);
    const [token, other] = [await central.enrolmentToken(), await central.enrolmentToken()];
    const proof = await device.proof(token);
    const [, payload, signature] = proof.split('.');
    const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: 'rivulet-enrolment' })).toString(
      'base64url',
    );
    const code = async (document: string, given: string): Promise<unknown> =>
      central.enrolments.enrol(document, given).catch((error: { code: unknown }) => error.code);

    expect(await code(proof, other)).toBe('ENROLMENT_INVALID');
    expect(await code(await device.assertion(central), token)).toBe('ENROLMENT_INVALID');
    expect(await code(`${unsigned}.${payload}.`, token)).toBe('SIGNATURE_ALGORITHM_REFUSED');
    expect(await code(`${unsigned}.${payload}.${signature}`, token)).toBe('SIGNATURE_ALGORITHM_REFUSED');
    expect(await code(`${proof.slice(0, -4)}AAAA`, token)).toBe('ENROLMENT_INVALID');
    expect(await code('x', token)).toBe('ENROLMENT_INVALID');
    expect(await code('x'.repeat(5_000), token)).toBe('ENROLMENT_INVALID');
    expect(await code(await device.proof(token, { macAddress: 'x' }), token)).toBe('MAC_ADDRESS_INVALID');
    expect(await query('SELECT FROM rivulet.devices')).toEqual([]);
  });
});
