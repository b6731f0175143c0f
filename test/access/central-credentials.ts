import { statementTypes } from '@rivulet/protocol';
import { generatePrivateKey, readSigningPair, signStatement } from '@rivulet/signatures';
import { SignJWT } from 'jose';
import { DataSource } from 'typeorm';
import { SigningKey } from '../../apps/central/src/signing/signing-key';
import type { AppInProcess } from '../support/apps/apps-in-process';
import { validRequest } from '../support/clients/device-client';
import { asAdmin, ADMIN_PASSWORD, basic, bearer } from '../support/clients/operator';
import { DEMO_MAC } from '../support/apps/sync-pair';

interface Caller {
  name: string;
  headers: Record<string, string>;
}

type Call = (
  method: 'GET' | 'POST' | 'DELETE',
  url: string,
  body?: object,
  headers?: object,
) => Promise<Record<string, string>>;

const PASSWORD = 'a sentence of some length';

/** Credentials of every kind, good and bad, for a central with the demo data. */
export class CentralCredentials {
  private constructor(
    /** Those who may the most last. */
    readonly callers: Caller[],
    /** The first device's manifest. */
    readonly manifestId: string,
  ) {}

  static async make({ app }: AppInProcess): Promise<CentralCredentials> {
    const database = app.get(DataSource);
    const call: Call = async (method, url, body, headers = asAdmin) => {
      const answer = await app.inject({
        method,
        url,
        headers: { ...headers },
        ...(body && { payload: body }),
      });
      return answer.body === '' ? {} : answer.json();
    };

    const device = await deviceToken(call, DEMO_MAC);
    const [{ mac }] = await database.query<[{ mac: string }]>(
      'SELECT mac_address AS mac FROM public.devices WHERE mac_address <> $1 AND is_active LIMIT 1',
      [DEMO_MAC],
    );
    const other = await deviceToken(call, mac);
    const states: Caller[] = [];
    for (const status of ['pending', 'revoked', 'quarantined']) {
      const { token, deviceId } = await deviceToken(call);
      await database.query(
        'UPDATE rivulet.devices SET status = $2, changed_at = now() WHERE device_id = $1',
        [deviceId, status],
      );
      states.push({ name: `${status} device`, headers: bearer(token) });
    }
    const manifestId = await manifestOf(call, device.token);

    const keyed = await keyedDevices(call, database, app.get(SigningKey, { strict: false }));
    const roles: Caller[] = [];
    for (const role of ['viewer', 'operator']) {
      await call('POST', '/api/users', { username: role, role, password: `${PASSWORD} first` });
      const change = { currentPassword: `${PASSWORD} first`, newPassword: PASSWORD };
      await call('POST', '/api/me/password', change, basic(role, `${PASSWORD} first`));
      roles.push({ name: role, headers: basic(role, PASSWORD) });
    }
    await call('POST', '/api/users', { username: 'newcomer', role: 'admin', password: `${PASSWORD} first` });
    const { key } = await call('POST', '/api/me/api-keys', { name: 'x', role: 'viewer' });
    const callers = [
      { name: 'nobody', headers: {} },
      ...(await badTokens(call, database)),
      ...(await endedCredentials(call, database)),
      ...keyed,
      ...states,
      { name: 'device', headers: bearer(device.token) },
      { name: 'other device', headers: bearer(other.token) },
      { name: 'admin with the first password', headers: basic('newcomer', `${PASSWORD} first`) },
      ...roles,
      { name: 'viewer key of an admin', headers: bearer(key!) },
      { name: 'admin', headers: asAdmin },
    ];
    return new CentralCredentials(callers, manifestId);
  }
}

async function deviceToken(call: Call, macAddress?: string): Promise<{ deviceId: string; token: string }> {
  const { deviceId } = await call('POST', '/api/devices', {
    name: 'a device',
    ...(macAddress && { macAddress }),
  });
  const { token } = await call('POST', `/api/devices/${deviceId}/token`);
  return { deviceId: deviceId!, token: token! };
}

async function manifestOf(call: Call, token: string): Promise<string> {
  const { manifest } = await call('POST', '/api/device-sync/request', validRequest, bearer(token));
  const [, payload] = manifest!.split('.');
  return (JSON.parse(Buffer.from(payload!, 'base64url').toString()) as { manifestId: string }).manifestId;
}

/** Access tokens of a device with a key: one that central has issued, last, and others. */
async function keyedDevices(call: Call, database: DataSource, central: SigningKey): Promise<Caller[]> {
  const { deviceId } = await call('POST', '/api/devices', { name: 'keyed', macAddress: '48:b0:2d:00:00:99' });
  const [own, replaced] = [
    await readSigningPair(generatePrivateKey()),
    await readSigningPair(generatePrivateKey()),
  ];
  await database.query(
    `INSERT INTO rivulet.device_keys (thumbprint, device_id, public_jwk, status)
     VALUES ($2, $1, '{}', 'active'), ($3, $1, '{}', 'retired')`,
    [deviceId, own.thumbprint, replaced.thumbprint],
  );
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const claims = { iss: central.centralId, sub: deviceId, jkt: own.thumbprint, exp: nowSeconds + 86_400 };
  const issue = (changes: object): Promise<string> =>
    central.sign(statementTypes.access, { ...claims, ...changes });
  const token = await issue({});
  const [header, payload] = token.split('.');
  const { jwk } = JSON.parse(Buffer.from(header!, 'base64url').toString()) as { jwk: object };
  const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: statementTypes.access, jwk }));
  return [
    { name: 'expired device token', headers: bearer(await issue({ exp: nowSeconds - 60 })) },
    {
      name: 'forged device token',
      headers: bearer(await signStatement(own, statementTypes.access, claims)),
    },
    { name: 'unsigned device token', headers: bearer(`${unsigned.toString('base64url')}.${payload}.`) },
    { name: 'device token of another central', headers: bearer(await issue({ iss: 'another' })) },
    { name: 'device token for a retired key', headers: bearer(await issue({ jkt: replaced.thumbprint })) },
    { name: 'device with a key', headers: bearer(token) },
  ];
}

/** What an admin had, and has no longer. */
async function endedCredentials(call: Call, database: DataSource): Promise<Caller[]> {
  const session = await call('POST', '/api/login', { username: 'admin', password: ADMIN_PASSWORD });
  await call('POST', '/api/logout', undefined, bearer(session['token']!));
  const [revoked, expired] = [
    await call('POST', '/api/me/api-keys', { name: 'revoked', role: 'admin' }),
    await call('POST', '/api/me/api-keys', { name: 'expired', role: 'admin' }),
  ];
  await call('DELETE', `/api/me/api-keys/${revoked['keyId']}`);
  await database.query('UPDATE rivulet.api_keys SET expires_at = now() WHERE key_id = $1', [
    expired['keyId'],
  ]);
  return [
    { name: 'token of an ended session', headers: bearer(session['token']!) },
    { name: 'refresh token', headers: bearer(session['refresh_token']!) },
    { name: 'revoked API key', headers: bearer(revoked['key']!) },
    { name: 'expired API key', headers: bearer(expired['key']!) },
  ];
}

/** Access tokens of an admin's session that were not issued so. */
async function badTokens(call: Call, database: DataSource): Promise<Caller[]> {
  const { token } = await call('POST', '/api/login', { username: 'admin', password: ADMIN_PASSWORD });
  const [{ secret }] = await database.query<[{ secret: Buffer }]>(
    'SELECT secret FROM rivulet.user_token_keys',
  );
  const [header, payload] = token!.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  const claims = JSON.parse(payload!) as { exp: number };
  const { typ } = JSON.parse(header!) as { typ: string };
  const sign = (key: Buffer, changes: object, type = typ): Promise<string> =>
    new SignJWT({ ...claims, ...changes })
      .setProtectedHeader({ alg: 'HS256', typ: type })
      .sign(new Uint8Array(key));
  const unsigned = `${Buffer.from(JSON.stringify({ alg: 'none', typ })).toString('base64url')}.${token!.split('.')[1]}.`;
  return [
    { name: 'expired token', headers: bearer(await sign(secret, { exp: claims.exp - 86_400 })) },
    { name: 'forged token', headers: bearer(await sign(Buffer.alloc(32, 1), {})) },
    { name: 'token of another kind', headers: bearer(await sign(secret, {}, 'JWT')) },
    { name: 'token for others', headers: bearer(await sign(secret, { aud: 'others' })) },
    { name: 'unsigned token', headers: bearer(unsigned) },
  ];
}
