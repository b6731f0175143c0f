import { CentralInProcess } from '../support/apps/central-in-process';
import { ADMIN_PASSWORD, basic, bearer } from '../support/clients/operator';

const PASSWORD = 'quite a long sentence';
const UNKNOWN = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

let central: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac' });
});
afterAll(() => central.stop());
beforeEach(async () => {
  await central.database.pool.query(`DELETE FROM rivulet.users WHERE username <> 'admin'`);
  await central.database.pool.query('TRUNCATE rivulet.login_attempts');
});

async function createUser(username: string, role: string): Promise<string> {
  const [status, { userId }] = await central.call<{ userId: string }>('POST', '/api/users', {
    username,
    role,
    password: 'printed in a letter',
  });
  expect(status).toBe(201);
  return userId;
}

/** A user who has changed the first password. */
async function settledUser(
  username: string,
  role: string,
): Promise<{ userId: string; headers: Record<string, string> }> {
  const userId = await createUser(username, role);
  const change = { currentPassword: 'printed in a letter', newPassword: PASSWORD };
  const first = basic(username, 'printed in a letter');
  expect(await central.call('POST', '/api/me/password', change, first)).toMatchObject([
    200,
    { mustChangePassword: false },
  ]);
  return { userId, headers: basic(username, PASSWORD) };
}

async function logIn(username: string): Promise<{ token: string; refresh_token: string }> {
  const [, tokens] = await central.call<{ token: string; refresh_token: string }>('POST', '/api/login', {
    username,
    password: PASSWORD,
  });
  return tokens;
}

describe('a first password', () => {
  it('opens nothing but its own change', async () => {
    await createUser('ada', 'admin');
    const first = basic('ada', 'printed in a letter');
    expect(await central.call('GET', '/api/me', undefined, first)).toMatchObject([
      200,
      { mustChangePassword: true },
    ]);
    expect(await central.call('GET', '/api/devices', undefined, first)).toMatchObject([
      403,
      { code: 'PASSWORD_CHANGE_NEEDED' },
    ]);
    for (const newPassword of ['short', '123456789012', 'printed in a letter', 'ada ada ada ada']) {
      const change = { currentPassword: 'printed in a letter', newPassword };
      expect(await central.call('POST', '/api/me/password', change, first)).toMatchObject([
        400,
        { code: 'PASSWORD_WEAK' },
      ]);
    }
  });

  it('is random where none is given, and ends what the old one had opened', async () => {
    const { userId, headers } = await settledUser('ada', 'viewer');
    const { token } = await logIn('ada');
    const [, { password }] = await central.call<{ password: string }>(
      'POST',
      `/api/users/${userId}/password-reset`,
    );
    expect(password).toMatch(/^[\w-]{24}$/);
    expect(await central.call('GET', '/api/me', undefined, bearer(token))).toMatchObject([401, {}]);
    expect(await central.call('GET', '/api/me', undefined, headers)).toMatchObject([401, {}]);
    expect(await central.call('GET', '/api/me', undefined, basic('ada', password))).toMatchObject([200, {}]);
  });
});

describe('a role', () => {
  it.each([
    ['viewer', 200, 403, 403],
    ['operator', 200, 201, 403],
    ['admin', 200, 201, 200],
  ])('%s may do what it says', async (role, reads, changes, manages) => {
    const { headers } = await settledUser('ada', role);
    expect((await central.call('GET', '/api/devices', undefined, headers))[0]).toBe(reads);
    expect((await central.call('POST', '/api/devices', { name: role }, headers))[0]).toBe(changes);
    expect((await central.call('GET', '/api/users', undefined, headers))[0]).toBe(manages);
  });

  it('is lost at once when it is changed, and the user is locked out when disabled', async () => {
    const { userId, headers } = await settledUser('ada', 'operator');
    const { token } = await logIn('ada');
    await central.call('PATCH', `/api/users/${userId}`, { role: 'viewer' });
    expect(await central.call('POST', '/api/devices', { name: 'x' }, bearer(token))).toMatchObject([
      403,
      { code: 'ROLE_INSUFFICIENT' },
    ]);
    await central.call('PATCH', `/api/users/${userId}`, { isDisabled: true });
    for (const credentials of [headers, bearer(token)])
      expect((await central.call('GET', '/api/me', undefined, credentials))[0]).toBe(401);
  });

  it('admin stays with somebody', async () => {
    const [, users] = await central.call<{ userId: string }[]>('GET', '/api/users');
    const path = `/api/users/${users[0]!.userId}`;
    const lastAdmin = [409, { code: 'LAST_ADMIN' }];
    expect(await central.call('PATCH', path, { role: 'viewer' })).toMatchObject(lastAdmin);
    expect(await central.call('PATCH', path, { isDisabled: true })).toMatchObject(lastAdmin);
    expect(await central.call('DELETE', path)).toMatchObject(lastAdmin);
  });
});

it('nobody has the name of whoever is not logged in', async () => {
  const named = { username: 'Anyone', role: 'viewer' };
  expect(await central.call('POST', '/api/users', named)).toMatchObject([400, { code: 'REQUEST_INVALID' }]);
});

it('a name or address is had once, in capitals or not', async () => {
  const user = { username: 'ada', email: 'ada@example.com', role: 'viewer' };
  expect((await central.call('POST', '/api/users', user))[0]).toBe(201);
  for (const other of [
    { username: 'ADA', role: 'viewer' },
    { ...user, username: 'b', email: 'Ada@Example.com' },
  ])
    expect(await central.call('POST', '/api/users', other)).toMatchObject([409, { code: 'USER_NAME_TAKEN' }]);
  expect(await central.call('GET', `/api/users/${UNKNOWN}`)).toMatchObject([404, { code: 'USER_UNKNOWN' }]);
});

describe('an API key', () => {
  it('works as Bearer and as the password of its owner, with its role, until it is revoked', async () => {
    const { headers } = await settledUser('ada', 'operator');
    const order = { name: 'factory', role: 'viewer' };
    const [, made] = await central.call<{ key: string; keyId: string }>(
      'POST',
      '/api/me/api-keys',
      order,
      headers,
    );
    expect(made.key).toMatch(/^rvk_/);
    for (const credentials of [bearer(made.key), basic('ada', made.key)]) {
      expect((await central.call('GET', '/api/devices', undefined, credentials))[0]).toBe(200);
      expect(await central.call('POST', '/api/devices', { name: 'x' }, credentials)).toMatchObject([403, {}]);
    }
    expect(await central.call('GET', '/api/me', undefined, basic('admin', made.key))).toMatchObject([
      401,
      {},
    ]);
    const [, keys] = await central.call<object[]>('GET', '/api/me/api-keys', undefined, headers);
    expect(keys).toMatchObject([{ name: 'factory', lastUsedAt: expect.any(String) as string }]);
    expect(JSON.stringify(keys)).not.toContain(made.key);

    await central.call('DELETE', `/api/me/api-keys/${made.keyId}`, undefined, headers);
    expect(await central.call('GET', '/api/devices', undefined, bearer(made.key))).toMatchObject([
      401,
      { code: 'OPERATOR_TOKEN_INVALID' },
    ]);
  });

  it('is not made with a higher role, changes nothing of the account of its owner, and ends', async () => {
    const { headers, userId } = await settledUser('ada', 'operator');
    const insufficient = [403, { code: 'ROLE_INSUFFICIENT' }];
    expect(
      await central.call('POST', '/api/me/api-keys', { name: 'x', role: 'admin' }, headers),
    ).toMatchObject(insufficient);
    const make = async (name: string) =>
      (await central.call<{ key: string; keyId: string }>('POST', '/api/me/api-keys', { name }, headers))[1];
    const [{ key }, other] = [await make('x'), await make('other')];
    await logIn('ada');
    const [, [session]] = await central.call<{ sessionId: string }[]>(
      'GET',
      '/api/me/sessions',
      undefined,
      headers,
    );
    const change = { currentPassword: PASSWORD, newPassword: `${PASSWORD} of a thief` };
    for (const [method, path, body] of [
      ['POST', 'api-keys', { name: 'y' }],
      ['POST', 'password', change],
      ['DELETE', `sessions/${session!.sessionId}`],
      ['DELETE', `api-keys/${other.keyId}`],
    ] as const)
      expect(await central.call(method, `/api/me/${path}`, body, bearer(key))).toMatchObject(insufficient);
    const { key: ofAdmin } = (
      await central.call<{ key: string }>('POST', '/api/me/api-keys', { name: 'x', role: 'admin' })
    )[1];
    for (const [method, path, body] of [
      ['POST', '', { username: 'eve', role: 'admin', password: 'the password of a thief' }],
      ['PATCH', `/${userId}`, { role: 'admin' }],
      ['POST', `/${userId}/password-reset`],
      ['DELETE', `/${userId}`],
    ] as const)
      expect(await central.call(method, `/api/users${path}`, body, bearer(ofAdmin))).toMatchObject(
        insufficient,
      );
    const itself = `/api/me/api-keys/${other.keyId}`;
    expect((await central.call('DELETE', itself, undefined, bearer(other.key)))[0]).toBe(200);
    await central.database.pool.query('UPDATE rivulet.api_keys SET expires_at = now()');
    expect(await central.call('POST', '/api/me/api-keys', { name: 'z' }, headers)).toMatchObject([201, {}]);
    expect(await central.call('GET', '/api/me', undefined, bearer(key))).toMatchObject([
      401,
      { code: 'OPERATOR_TOKEN_EXPIRED' },
    ]);
  });
});

it('sessions are listed, and ended one by one or all', async () => {
  const { userId } = await settledUser('ada', 'viewer');
  const [one, two] = [await logIn('ada'), await logIn('ada')];
  const [, sessions] = await central.call<{ sessionId: string }[]>(
    'GET',
    '/api/me/sessions',
    undefined,
    bearer(one.token),
  );
  expect(sessions).toHaveLength(2);
  await central.call('DELETE', `/api/me/sessions/${sessions[0]!.sessionId}`, undefined, bearer(one.token));
  expect((await central.call('GET', '/api/me', undefined, bearer(two.token)))[0]).toBe(401);
  expect((await central.call('GET', '/api/me', undefined, bearer(one.token)))[0]).toBe(200);
  await central.call('DELETE', `/api/users/${userId}/sessions`);
  expect((await central.call('GET', '/api/me', undefined, bearer(one.token)))[0]).toBe(401);
  expect(
    await central.call('POST', '/api/token/refresh', { refresh_token: one.refresh_token }),
  ).toMatchObject([401, { code: 'REFRESH_TOKEN_INVALID' }]);
});

it('nobody but its owner has the password of the first admin', async () => {
  const { rows } = await central.database.pool.query<{ text: string }>(
    'SELECT users::text AS text FROM rivulet.users',
  );
  expect(rows.map(({ text }) => text).join()).toMatch(/\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(rows.map(({ text }) => text).join()).not.toContain(ADMIN_PASSWORD);
});
