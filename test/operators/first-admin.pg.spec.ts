import { startAppInProcess, type AppInProcess } from '../support/apps/apps-in-process';
import { basic, bearer } from '../support/clients/operator';

const lines: string[] = [];
let central: AppInProcess;

beforeAll(async () => {
  central = await startAppInProcess('central', { CENTRAL_ADMIN_PASSWORD: '' }, (line) => lines.push(line));
});
afterAll(() => central.stop());

it('the first password is in the log once, opens its own change alone, and no longer works after it', async () => {
  const told = lines.filter((line) => line.includes('First login'));
  expect(told).toHaveLength(1);
  const [, password] = /user name admin, password (\S{24}) /.exec(told[0]!) ?? [];
  expect(password).toBeDefined();

  const login = { method: 'POST', url: '/api/login', payload: { username: 'admin', password } } as const;
  const tokens = (await central.app.inject(login)).json<{ token: string }>();
  expect(tokens).toMatchObject({ must_change_password: true, user: { username: 'admin', role: 'admin' } });
  const headers = bearer(tokens.token);
  expect((await central.app.inject({ url: '/api/devices', headers })).json()).toMatchObject({
    code: 'PASSWORD_CHANGE_NEEDED',
  });

  const payload = { currentPassword: password, newPassword: 'a sentence of some length' };
  const changed = await central.app.inject({ method: 'POST', url: '/api/me/password', headers, payload });
  expect(changed.json()).toMatchObject({ mustChangePassword: false });
  expect((await central.app.inject({ url: '/api/devices', headers })).statusCode).toBe(200);
  const old = { url: '/api/me', headers: basic('admin', password!) };
  expect((await central.app.inject(old)).json()).toMatchObject({ code: 'LOGIN_FAILED' });
  expect(lines.filter((line) => line.includes(password!))).toEqual(told);
  expect(lines.join('\n')).not.toContain(tokens.token);
});
