import { generateKeyPairSync, createHmac } from 'node:crypto';
import { signStatement } from '@rivulet/signatures';
import { CentralFixture } from '../../../test/central-fixture';
import { DevicesProcess } from '../../../test/devices-fixture';
import { SigningKeys } from '../../signing/signing-keys';
import { KeyedDevice, newNonce } from '../../../test/keyed-device';

const MAC = '48:b0:2d:e9:c3:b7';

let fixture: CentralFixture;
let central: DevicesProcess;
let device: KeyedDevice;

beforeAll(async () => {
  fixture = await CentralFixture.create();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  await fixture.database.pool.query('TRUNCATE rivulet.devices, rivulet.device_removals CASCADE');
  central = await DevicesProcess.start(fixture);
  device = await KeyedDevice.create(MAC);
  await device.enrol(central, await central.enrolmentToken());
});
afterEach(() => jest.restoreAllMocks());

async function codeOf(document: string | Promise<string>): Promise<unknown> {
  return central.assertions.accept(await document).then(
    () => 'accepted',
    (error: { code: unknown }) => error.code,
  );
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

const now = Math.floor(Date.now() / 1_000);

describe('an assertion', () => {
  it('is accepted once, whichever process of central it comes to', async () => {
    const elsewhere = await DevicesProcess.start(fixture);
    const assertion = await device.assertion(central);

    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        (index % 2 === 0 ? central : elsewhere).assertions.accept(assertion),
      ),
    );

    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await codeOf(assertion)).toBe('ASSERTION_REPLAYED');
    expect((await central.registry.get(device.deviceId)).status).toBe('active');
  });

  it.each([
    ['an hour ago', { iat: now - 3_600, exp: now - 3_500 }, 'ASSERTION_OUT_OF_TIME'],
    ['in an hour', { iat: now + 3_600, exp: now + 3_700 }, 'ASSERTION_OUT_OF_TIME'],
    ['in 1970', { iat: 0, exp: 120 }, 'ASSERTION_OUT_OF_TIME'],
    ['in 2099', { iat: 4_070_908_800, exp: 4_070_908_900 }, 'ASSERTION_OUT_OF_TIME'],
    [
      'at the end of time',
      { iat: Number.MAX_SAFE_INTEGER, exp: Number.MAX_SAFE_INTEGER },
      'ASSERTION_OUT_OF_TIME',
    ],
    ['now, for ever', { exp: now + 1_000_000 }, 'ASSERTION_OUT_OF_TIME'],
    ['for another central', { aud: 'another' }, 'ASSERTION_INVALID'],
    ['for another device', { iss: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' }, 'ASSERTION_INVALID'],
    ['without an id', { jti: '' }, 'ASSERTION_INVALID'],
    ['with a number that is none', { counter: 1.5 }, 'ASSERTION_INVALID'],
  ])('that was made %s is refused', async (_, changes, code) => {
    expect(await codeOf(device.assertion(central, changes))).toBe(code);
    expect((await central.registry.get(device.deviceId)).status).toBe('active');
  });

  it('is refused from a key that no device has', async () => {
    const stranger = Object.assign(await KeyedDevice.create(MAC), { deviceId: device.deviceId });
    expect(await codeOf(stranger.assertion(central))).toBe('DEVICE_KEY_UNKNOWN');
  });

  it('is refused from another device that says it is this one', async () => {
    const other = await KeyedDevice.create('48:b0:2d:e9:c3:b8');
    await other.enrol(central, await central.enrolmentToken());
    expect(await codeOf(other.assertion(central, { iss: device.deviceId }))).toBe('ASSERTION_INVALID');
  });

  it('is refused with any other algorithm, and with another kind of statement', async () => {
    const [header, payload, signature] = (await device.assertion(central)).split('.');
    const { jwk } = JSON.parse(Buffer.from(header!, 'base64url').toString()) as { jwk: { x: string } };
    const none = encode({ alg: 'none', typ: 'rivulet-assertion' });
    const hmacHeader = encode({ alg: 'HS256', typ: 'rivulet-assertion', jwk });
    const mac = createHmac('sha256', Buffer.from(jwk.x, 'base64url'))
      .update(`${hmacHeader}.${payload}`)
      .digest('base64url');
    const es256 = encode({
      alg: 'ES256',
      typ: 'rivulet-assertion',
      jwk: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
    });

    expect(await codeOf(`${none}.${payload}.`)).toBe('SIGNATURE_ALGORITHM_REFUSED');
    expect(await codeOf(`${hmacHeader}.${payload}.${mac}`)).toBe('SIGNATURE_ALGORITHM_REFUSED');
    expect(await codeOf(`${es256}.${payload}.${signature}`)).toBe('SIGNATURE_ALGORITHM_REFUSED');
    expect(await codeOf(device.proof(undefined))).toBe('ASSERTION_INVALID');
    expect(await codeOf(signStatement(device.key, 'rivulet-assertion', {}))).toBe('ASSERTION_INVALID');
    expect(await codeOf(signStatement(device.key, 'rivulet-assertion', 'no JSON'))).toBe('ASSERTION_INVALID');
    const octKey = encode({ alg: 'EdDSA', typ: 'rivulet-assertion', jwk: { kty: 'oct', k: jwk.x } });
    expect(await codeOf(`${octKey}.${payload}.${signature}`)).toBe('ASSERTION_INVALID');
    for (const text of ['', 'a', 'a.b', 'a.b.c', '..', '{}', 'x'.repeat(100_000)]) {
      expect(await codeOf(text)).toBe('ASSERTION_INVALID');
    }
  });
});

describe('a key that two devices use', () => {
  it('is found when the copy counts on from where the device was, and neither is served', async () => {
    const headers = await device.headers(central);
    const thief = device.copy();
    expect(await thief.headers(central)).toBeDefined();

    expect(await codeOf(device.assertion(central))).toBe('DEVICE_QUARANTINED');

    expect(await central.registry.get(device.deviceId)).toMatchObject({
      status: 'quarantined',
      statusReason: 'its key was used by two devices',
    });
    const quarantined = { code: 'DEVICE_QUARANTINED' };
    await expect(central.authenticator.authenticate({ headers, ip: '::1' })).rejects.toMatchObject(
      quarantined,
    );
    expect(await codeOf(thief.assertion(central))).toBe('DEVICE_QUARANTINED');
  });

  it('is found when the copy is older than all that central remembers', async () => {
    const thief = device.copy();
    for (let use = 0; use < 70; use++) await device.headers(central);
    expect(await codeOf(thief.assertion(central))).toBe('DEVICE_QUARANTINED');
  });

  it('is not suspected of numbers that are left out, or overtake each other', async () => {
    expect(await codeOf(device.assertion(central, { counter: 7 }))).toBe('accepted');
    expect(await codeOf(device.assertion(central, { counter: 6 }))).toBe('accepted');
    expect(await codeOf(device.assertion(central, { counter: 20 }))).toBe('accepted');
  });

  it('is let out of quarantine with a new key, by a token for its MAC address', async () => {
    await device.copy().headers(central);
    await device.headers(central).catch(() => undefined);
    const renewed = await KeyedDevice.create(MAC);
    await renewed.enrol(central, await central.enrolmentToken({ macAddress: MAC }));

    expect(renewed.deviceId).toBe(device.deviceId);
    expect(await renewed.headers(central)).toBeDefined();
    expect(await codeOf(device.assertion(central))).toBe('DEVICE_KEY_RETIRED');
  });
});

async function call(headers: Record<string, string>): Promise<object> {
  return (await central.authenticator.authenticate({ headers, ip: '::1' })).device;
}

function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

describe('an access token', () => {
  it('lets its device in, at every process of central', async () => {
    const headers = await device.headers(central);
    expect(await call(headers)).toMatchObject({ deviceId: device.deviceId, macAddress: MAC });
    const elsewhere = await DevicesProcess.start(fixture);
    expect((await elsewhere.authenticator.authenticate({ headers, ip: '::1' })).device).toMatchObject({
      macAddress: MAC,
    });
  });

  it('costs no statement once it was seen', async () => {
    const headers = await device.headers(central);
    await central.directory.poll();
    await call(headers);
    const query = jest.spyOn(central.tables, 'rows');
    await call(headers);
    expect(query).not.toHaveBeenCalled();
  });

  it('expires, also one that was seen before', async () => {
    const headers = await device.headers(central);
    await call(headers);
    const later = Date.now() + 11 * 60_000;
    jest.spyOn(Date, 'now').mockReturnValue(later);
    await expect(call(headers)).rejects.toMatchObject({ code: 'ACCESS_TOKEN_EXPIRED' });
  });

  it('is refused within a poll of every process when its device is revoked', async () => {
    const headers = await device.headers(central);
    const elsewhere = await DevicesProcess.start(fixture);
    await elsewhere.directory.poll();
    await elsewhere.authenticator.authenticate({ headers, ip: '::1' });

    await central.registry.setStatus(device.deviceId, 'revoked', ['active']);
    await elsewhere.directory.poll();

    const revoked = { code: 'DEVICE_REVOKED' };
    await expect(call(headers)).rejects.toMatchObject(revoked);
    await expect(elsewhere.authenticator.authenticate({ headers, ip: '::1' })).rejects.toMatchObject(revoked);
  });

  it('is refused when it was forged, unsigned, of another kind or of another central', async () => {
    const { authorization } = await device.headers(central);
    const token = authorization.slice('Bearer '.length);
    const [, payload] = token.split('.');
    const own = await signStatement(
      device.key,
      'rivulet-access',
      JSON.parse(Buffer.from(payload!, 'base64url').toString()) as object,
    );
    const foreign = await central.signingKey.sign('rivulet-access', {
      iss: 'another',
      sub: device.deviceId,
      jkt: device.key.thumbprint,
      exp: now + 600,
    });
    const manifest = await central.signingKey.sign('rivulet-manifest', {
      sub: device.deviceId,
      nonce: newNonce(),
    });
    const none = `${encode({ alg: 'none', typ: 'rivulet-access' })}.${payload}.`;
    for (const wrong of [own, foreign, manifest, none, 'x', `${token}x`, 'x'.repeat(10_000)]) {
      await expect(call(bearer(wrong))).rejects.toMatchObject({ code: 'ACCESS_TOKEN_INVALID' });
    }
  });

  it('is refused at every process of central when the key has been replaced that signed it', async () => {
    const headers = await device.headers(central);
    const elsewhere = await DevicesProcess.start(fixture);
    for (const process of [central, elsewhere])
      await process.authenticator.authenticate({ headers, ip: '::1' });
    await new SigningKeys(fixture.central, central.signingKey).rotate();
    await expect(call(headers)).rejects.toMatchObject({ code: 'ACCESS_TOKEN_INVALID' });
    await elsewhere.signingKey.refresh();
    const refused = elsewhere.authenticator.authenticate({ headers, ip: '::1' });
    await expect(refused).rejects.toMatchObject({ code: 'ACCESS_TOKEN_INVALID' });
    expect(await call(await device.headers(elsewhere))).toMatchObject({ deviceId: device.deviceId });
  });

  it('is refused when its device was deleted', async () => {
    const headers = await device.headers(central);
    await central.registry.remove(device.deviceId);
    await expect(call(headers)).rejects.toMatchObject({ code: 'ACCESS_TOKEN_INVALID' });
  });

  it('is needed: the MAC address alone is no proof, and in a trial not of a device with a key', async () => {
    const headers = { 'x-device-mac': MAC };
    await expect(call(headers)).rejects.toMatchObject({ code: 'DEVICE_UNIDENTIFIED' });
    const trial = await DevicesProcess.start(fixture, { auth: 'mac' });
    await expect(trial.authenticator.authenticate({ headers, ip: '::1' })).rejects.toMatchObject({
      code: 'DEVICE_UNIDENTIFIED',
    });
  });
});
