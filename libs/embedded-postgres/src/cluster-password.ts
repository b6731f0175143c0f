import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerAccount } from './server-account';
import { serverUnavailable } from './server-unavailable';

/** Returns the superuser's password and creates it once. If two processes create it at once, both get the first. */
export async function ensurePassword(directory: string): Promise<string> {
  const path = join(directory, 'password');
  const existing = await readFile(path, 'utf8').catch(() => '');
  if (existing !== '') return existing.trim();
  const draft = join(directory, `.password-${process.pid}-${randomBytes(4).toString('hex')}`);
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${randomBytes(24).toString('base64url')}\n`);
    await handle.sync();
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await handle.close();
    await rm(draft, { force: true });
  }
  return (await readFile(path, 'utf8')).trim();
}

export async function readPassword(directory: string): Promise<string> {
  const path = join(directory, 'password');
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const reason = `the password file ${path} of its data cannot be read (${(cause as Error).message}).`;
    throw serverUnavailable(reason, 'Restore that file, or remove the data with `npm run reset`.', cause);
  }
}

/** An unlinked file that `account` can read through its descriptor, and that no crash leaves behind. */
export async function openPasswordFor(
  account: ServerAccount | undefined,
  password: string,
  directory: string,
): Promise<FileHandle> {
  const path = join(directory, `.initdb-${process.pid}-${randomBytes(4).toString('hex')}`);
  const handle = await open(path, 'wx', 0o600);
  await rm(path);
  await handle.writeFile(password);
  if (account !== undefined) await handle.chown(account.uid, account.gid);
  return handle;
}
