import { SignJWT, UnsecuredJWT } from 'jose';
import type { CentralInProcess } from '../apps/central-in-process';
import { ADMIN_PASSWORD, asAdmin, basic, bearer } from './operator';
import { realtimeToken } from './realtime-tokens';

/** Somebody who sends messages, with what shows who it is; without a token nothing does. */
export interface MessageCaller {
  name: string;
  token: string | undefined;
}

export interface MessageCallers {
  callers: MessageCaller[];
  /** User ID of the device named `device`. */
  deviceUser: string;
}

/** Callers of every kind, for messages over WebSocket and TCP. */
export async function makeMessageCallers(central: CentralInProcess): Promise<MessageCallers> {
  const devices: (MessageCaller & { deviceId: string })[] = [];
  for (const status of ['active', 'other', 'pending', 'revoked', 'quarantined']) {
    const [, { deviceId }] = await central.call<{ deviceId: string }>('POST', '/api/devices', {
      name: `a device, ${status}`,
    });
    const path = `/api/devices/${deviceId}/token`;
    const [, { token }] = await central.call<{ token: string }>('POST', path);
    const name = status === 'active' ? 'device' : `${status} device`;
    devices.push({ name, token, deviceId });
    if (status === 'active' || status === 'other') continue;
    await central.database.pool.query(
      'UPDATE rivulet.devices SET status = $2, changed_at = now() WHERE device_id = $1',
      [deviceId, status],
    );
  }
  const password = 'a sentence of some length';
  for (const role of ['viewer', 'operator']) {
    const first = `${password} first`;
    await central.call('POST', '/api/users', { username: role, role, password: first });
    const change = { currentPassword: first, newPassword: password };
    await central.call('POST', '/api/me/password', change, basic(role, first));
  }
  const login = async (username: string, secret: string): Promise<string> =>
    (await central.call<{ token: string }>('POST', '/api/login', { username, password: secret }))[1].token;
  const key = (
    await central.call<{ key: string }>('POST', '/api/me/api-keys', { name: 'x', role: 'viewer' }, asAdmin)
  )[1].key;
  const ended = await login('admin', ADMIN_PASSWORD);
  await central.call('POST', '/api/logout', undefined, bearer(ended));
  const kind = new SignJWT({ sub: 'user1' }).setProtectedHeader({
    alg: 'HS256',
    typ: 'rivulet-operator+jwt',
  });
  const callers = [
    { name: 'nobody', token: undefined },
    { name: 'nonsense', token: 'nonsense' },
    { name: 'unsigned token', token: new UnsecuredJWT({ sub: 'user1' }).encode() },
    { name: 'forged token', token: await realtimeToken('user1', {}, { secret: 'x'.repeat(40) }) },
    { name: 'expired token', token: await realtimeToken('user1', {}, { life: '-1h' }) },
    { name: 'token for others', token: await realtimeToken('user1', {}, { audience: 'others' }) },
    { name: 'token of another kind', token: await kind.sign(new Uint8Array(32)) },
    { name: 'ended session', token: ended },
    ...devices.map(({ name, token }) => ({ name, token })),
    { name: 'user1', token: await realtimeToken('user1', { site_id: '1' }) },
    { name: 'user2', token: await realtimeToken('user2', { site_id: '2' }) },
    { name: 'user who says it is a device', token: await realtimeToken(`device:${devices[0]!.deviceId}`) },
    { name: 'viewer', token: await login('viewer', password) },
    { name: 'operator', token: await login('operator', password) },
    { name: 'viewer key of an admin', token: key },
    { name: 'admin', token: await login('admin', ADMIN_PASSWORD) },
  ];
  return { callers, deviceUser: `device:${devices[0]!.deviceId}` };
}
