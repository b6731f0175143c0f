import { readFile, stat } from 'node:fs/promises';
import { serverUnavailable } from './server-unavailable';

export interface ServerAccount {
  name: string;
  uid: number;
  gid: number;
}

/**
 * The user that the server runs as; undefined for the current one. PostgreSQL refuses to run as root, so root starts it
 * as the owner of the existing data directory, else as `postgres`, else as `nobody`. It must be a user of /etc/passwd,
 * because initdb looks up its name.
 */
export async function chooseServerAccount(dataDirectory: string): Promise<ServerAccount | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  const accounts = parsePasswd(await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const owner = await stat(dataDirectory).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) {
    return (
      accounts.find((account) => account.uid === owner.uid) ?? {
        name: `user ${owner.uid}`,
        uid: owner.uid,
        gid: owner.gid,
      }
    );
  }
  const account = ['postgres', 'nobody']
    .map((name) => accounts.find((entry) => entry.name === name))
    .find(Boolean);
  if (account === undefined) {
    throw serverUnavailable(
      'PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as.',
    );
  }
  return account;
}

function parsePasswd(text: string): ServerAccount[] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter((account) => Number.isInteger(account.uid) && account.uid > 0 && Number.isInteger(account.gid));
}
