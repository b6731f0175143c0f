import { OwnTables } from '@rivulet/platform';
import { CentralInProcess } from '../support/apps/central-in-process';
import { ADMIN_PASSWORD, asAdmin, basic, bearer } from '../support/clients/operator';

interface Tokens {
  token: string;
  access_token: string;
  refresh_token: string;
  expires_in: number;
}

const nova = { username: 'nova', password: 'a sentence of another length' };
const right = { username: 'admin', password: ADMIN_PASSWORD };

let central: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac' });
  await central.call('POST', '/api/users', { ...nova, role: 'viewer' });
});
afterAll(() => central.stop());
beforeEach(async () => {
  await central.database.pool.query('TRUNCATE rivulet.login_attempts, rivulet.user_addresses');
});

async function logIn(body: object = right, path = '/api/login'): Promise<Tokens> {
  const [status, tokens] = await central.call<Tokens>('POST', path, body);
  expect(status).toBe(200);
  return tokens;
}

async function logout(headers: Record<string, string>): Promise<unknown> {
  const [status, body] = await central.call('POST', '/api/logout', undefined, headers);
  return status === 204 ? 'let in' : body['code'];
}

async function refresh(token: string): Promise<[number, Tokens & { code?: string }]> {
  return central.call('POST', '/api/token/refresh', { refresh_token: token });
}

describe('a login', () => {
  it.each(['/api/login', '/login'])('at %s answers what each client looks for', async (path) => {
    const [status, body] = await central.call('POST', path, right);
    expect([status, body]).toMatchObject([
      200,
      {
        token: expect.stringMatching(/^ey/) as string,
        refresh_token: expect.stringMatching(/^rvr_/) as string,
        token_type: 'Bearer',
        expires_in: 900,
        must_change_password: false,
        user: { username: 'admin', role: 'admin' },
      },
    ]);
    expect(body['access_token']).toBe(body['token']);
  });

  it('that fails costs the same, and is answered the same, whether anybody has the name or not', async () => {
    const rows = jest.spyOn(OwnTables.prototype, 'rows');
    const failures: object[] = [];
    for (const username of ['admin', 'nobody-has-this']) {
      rows.mockClear();
      const [status, { code, detail }] = await central.callFrom('127.0.9.1', 'POST', '/api/login', {
        username,
        password: 'wrong in any case',
      });
      failures.push({ status, code, detail, statements: rows.mock.calls.map(([statement]) => statement) });
    }
    rows.mockRestore();
    expect(failures[0]).toMatchObject({ status: 401, code: 'LOGIN_FAILED' });
    expect(failures[1]).toEqual(failures[0]);
  });

  it('takes the name in capitals, and as e-mail address', async () => {
    await central.database.pool.query(
      `UPDATE rivulet.users SET email = 'Admin@example.com' WHERE username = 'admin'`,
    );
    const password = ADMIN_PASSWORD;
    expect((await logIn({ username: 'ADMIN', password })).token).toMatch(/^ey/);
    expect((await logIn({ email: 'admin@Example.com', password })).token).toMatch(/^ey/);
  });

  it.each([
    ['a wrong password', { username: 'admin', password: 'wrong' }],
    ['an unknown name', { username: 'nobody', password: ADMIN_PASSWORD }],
    ['an empty password', { username: 'admin', password: '' }],
  ])('is refused with %s, always in the same words', async (_, body) => {
    expect(await central.call('POST', '/api/login', body)).toMatchObject([
      401,
      { code: 'LOGIN_FAILED', detail: 'The user name or the password is wrong.' },
    ]);
  });

  it.each([
    {},
    { username: 'admin' },
    { password: 'x' },
    { ...right, username: { $ne: '' } },
    { ...right, a: 1 },
  ])('is refused when the body is %j', async (body) => {
    expect(await central.call('POST', '/api/login', body)).toMatchObject([400, { code: 'REQUEST_INVALID' }]);
  });
});

describe('an operator is let in', () => {
  it('by access token, or by name and password', async () => {
    expect(await logout(bearer((await logIn()).token))).toBe('let in');
    expect(await logout(asAdmin)).toBe('let in');
  });

  it.each([
    ['nothing', { authorization: '' }, 'OPERATOR_UNIDENTIFIED'],
    ['another scheme', { authorization: 'Digest x' }, 'OPERATOR_UNIDENTIFIED'],
    ['no token', bearer('x'), 'OPERATOR_TOKEN_INVALID'],
    ['an unknown API key', bearer(`rvk_${'a'.repeat(43)}`), 'OPERATOR_TOKEN_INVALID'],
    ['a wrong password', basic('admin', 'wrong'), 'LOGIN_FAILED'],
    ['Basic without a colon', { authorization: 'Basic YWRtaW4=' }, 'LOGIN_FAILED'],
  ])('but not with %s', async (_, headers, code) => {
    expect(await logout(headers)).toBe(code);
  });

  it('and no longer when the session has ended', async () => {
    const { token } = await logIn();
    expect(await logout(bearer(token))).toBe('let in');
    expect(await logout(bearer(token))).toBe('OPERATOR_TOKEN_INVALID');
  });
});

describe('a refresh token', () => {
  it('buys new tokens, and works once: its reuse ends the session', async () => {
    const first = await logIn();
    const [status, second] = await refresh(first.refresh_token);
    expect(status).toBe(200);
    expect(second.refresh_token).not.toBe(first.refresh_token);

    expect(await refresh(first.refresh_token)).toMatchObject([401, { code: 'REFRESH_TOKEN_REUSED' }]);
    expect(await refresh(second.refresh_token)).toMatchObject([401, { code: 'REFRESH_TOKEN_INVALID' }]);
    expect(await logout(bearer(second.token))).toBe('OPERATOR_TOKEN_INVALID');
  });

  it('is given to one of ten that ask at once', async () => {
    const { refresh_token } = await logIn();
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(refresh_token)));
    expect(answers.filter(([status]) => status === 200)).toHaveLength(1);
  });

  it.each(['x', 'rvr_', `rvr_${'a'.repeat(43)}`])('is refused when it is %s', async (token) => {
    expect(await refresh(token)).toMatchObject([401, { code: 'REFRESH_TOKEN_INVALID' }]);
  });
});

describe('guesses', () => {
  it('of which there are 1,000 are looked at 5 times, and the owner can still log in from another address', async () => {
    const codes = new Map<unknown, number>();
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          central.call('POST', '/api/login', { username: 'admin', password: `guess ${round} ${index}` }),
        ),
      );
      for (const [, { code }] of answers) codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect(Object.fromEntries(codes)).toEqual({ LOGIN_FAILED: 5, LOGIN_THROTTLED: 995 });
    const [status, body, retryAfter] = await central.callFrom('127.0.0.2', 'POST', '/api/login', right);
    expect([status, body]).toMatchObject([200, { token_type: 'Bearer' }]);
    expect(retryAfter).toBeUndefined();
    expect(await central.callFrom('127.0.0.1', 'POST', '/api/login', right)).toMatchObject([
      429,
      { code: 'LOGIN_THROTTLED' },
      expect.stringMatching(/^\d+$/),
    ]);
  });

  it('from everywhere are looked at 10 times, and the owner can still log in where it was before', async () => {
    await central.callFrom('127.0.1.1', 'POST', '/api/login', right);
    let evaluated = 0;
    for (let host = 2; host < 30; host++) {
      const guess = { username: 'admin', password: `guess ${host}` };
      const [, { code }] = await central.callFrom(`127.0.1.${host}`, 'POST', '/api/login', guess);
      if (code === 'LOGIN_FAILED') evaluated += 1;
    }
    expect(evaluated).toBe(10);
    expect(await central.callFrom('127.0.1.1', 'POST', '/api/login', right)).toMatchObject([200, {}]);
  });

  it('from everywhere keep nobody from a first login at the machine of central', async () => {
    for (let host = 2; host < 14; host++)
      await central.callFrom(`127.0.4.${host}`, 'POST', '/api/login', { ...nova, password: `guess ${host}` });
    const [status] = await central.callFrom('127.0.4.99', 'POST', '/api/login', nova);
    const [atHome] = await central.callFrom('127.0.0.1', 'POST', '/api/login', nova);
    expect([status, atHome]).toEqual([429, 200]);
  });
});
