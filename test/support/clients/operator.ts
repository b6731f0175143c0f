/** The password of the first admin of every central that a test starts. */
export const ADMIN_PASSWORD = 'a test must not guess this';

export const asAdmin = basic('admin', ADMIN_PASSWORD);

export function basic(login: string, password: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}` };
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}
