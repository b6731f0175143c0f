import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePassword, openPasswordFor, readPassword } from './cluster-password';
import type { ServerAccount } from './server-account';
import type { ServerBinaries } from './server-binaries';
import { serverUnavailable } from './server-unavailable';

export const SUPERUSER = 'rivulet';

/**
 * The data directory, for a process that is started in it. This link requires no permission on the parent folders,
 * which the server's user may not have.
 */
export const DATA_DIRECTORY_FROM_INSIDE = '/proc/self/cwd';

/** The user's environment (PGDATA, PGPORT, LD_LIBRARY_PATH, a locale) must not change the server. */
export const SERVER_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

/** Classifies the letters of all languages without a locale of the machine. */
const BUILTIN_LOCALE = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
const FIRST_WITH_BUILTIN_LOCALE = 17;

const INITDB_TIMEOUT_MS = 120_000;

export interface Cluster {
  dataDirectory: string;
  password: string;
}

/** Creates the cluster if there is none. It is renamed when complete, so a crash leaves no partial cluster. */
export async function ensureCluster(
  directory: string,
  binaries: ServerBinaries,
  account: ServerAccount | undefined,
): Promise<Cluster> {
  const dataDirectory = join(directory, 'data');
  const version = await readClusterVersion(dataDirectory);
  if (version === undefined) {
    const password = await ensurePassword(directory);
    await makeCluster(directory, dataDirectory, password, binaries, account);
    return { dataDirectory, password };
  }
  if (version !== binaries.majorVersion) {
    throw serverUnavailable(
      `${dataDirectory} was created by PostgreSQL ${version}; this is PostgreSQL ${binaries.majorVersion}.`,
      'Remove the data with `npm run reset`, or run a server of that version and set the database URL.',
    );
  }
  return { dataDirectory, password: await readPassword(directory) };
}

async function readClusterVersion(dataDirectory: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataDirectory, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const reason = `its data directory cannot be read (${(error as Error).message}).`;
    throw serverUnavailable(
      reason,
      'Start as the user that created it, or remove it with `npm run reset`.',
      error,
    );
  }
}

async function makeCluster(
  directory: string,
  dataDirectory: string,
  password: string,
  binaries: ServerBinaries,
  account: ServerAccount | undefined,
): Promise<void> {
  await removeUnfinished(directory);
  const unfinished = join(directory, `data.unfinished-${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(unfinished);
    await chmod(unfinished, 0o700);
    if (account !== undefined) await chown(unfinished, account.uid, account.gid);
    await runInitdb(unfinished, password, binaries, account);
    await rename(unfinished, dataDirectory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } catch (cause) {
    const reason = `its data directory ${dataDirectory} cannot be created (${(cause as Error).message}).`;
    throw serverUnavailable(reason, undefined, cause);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Removes what killed processes left during initdb; another process may be running it now. */
async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = /^data\.unfinished-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function runInitdb(
  dataDirectory: string,
  password: string,
  binaries: ServerBinaries,
  account: ServerAccount | undefined,
): Promise<void> {
  const passwordFile = await openPasswordFor(account, password, join(dataDirectory, '..'));
  try {
    const options = [
      `--pgdata=${DATA_DIRECTORY_FROM_INSIDE}`,
      '--pwfile=/proc/self/fd/3',
      `--username=${SUPERUSER}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      ...(Number(binaries.majorVersion) < FIRST_WITH_BUILTIN_LOCALE ? [] : BUILTIN_LOCALE),
      '--no-sync',
      '--no-instructions',
    ];
    const initdb = spawn(binaries.initdb, options, {
      cwd: dataDirectory,
      env: SERVER_ENVIRONMENT,
      stdio: ['ignore', 'ignore', 'pipe', passwordFile.fd],
      timeout: INITDB_TIMEOUT_MS,
      uid: account?.uid,
      gid: account?.gid,
    });
    let complaint = '';
    initdb.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => (complaint = (complaint + text).slice(-2_000)));
    const [code, signal] = (await once(initdb, 'close')) as [number | null, NodeJS.Signals | null];
    if (code !== 0)
      throw new Error(`initdb ended with ${signal ?? `code ${code}`}: ${findComplaint(complaint)}`);
  } finally {
    await passwordFile.close();
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The line with the error, from the output of initdb and its server. */
function findComplaint(text: string): string {
  const lines = text.trim().split('\n');
  const complaint = lines.find((line) => /\b(FATAL|PANIC|error):/.test(line)) ?? lines.at(-1);
  return complaint?.replace(/^.*\b(FATAL|PANIC|error):\s+/, '') || 'no output';
}
