import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port';

/** A real server that a test may kill. */
export interface BusServer {
  /** As in CENTRAL_BUS_URL. */
  url: string;
  databaseUrl: string;
  /** Ends what is connected, as kill -9 does. */
  kill(): Promise<void>;
  /** With the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Has after a restart what it had written to its disk. */
export interface StoringServer extends BusServer {
  /** Kills it, and starts it without what it had. */
  restartEmpty(): Promise<void>;
}

/** Otherwise a line says what is skipped. The package of a program has its name. */
export function isInstalled(program: string, what: string, path = program): boolean {
  if (spawnSync(path, ['--version']).status === 0) return true;
  process.stderr.write(`Skipped: ${what}, as ${program} is not installed (apt-get install ${program}).\n`);
  return false;
}

/** Has JetStream, unless it is to be without. */
export function startNats({ isStoring = true } = {}): Promise<StoringServer> {
  return startProgram('nats', 'nats-server', (port, directory) =>
    ['-a', '127.0.0.1', '-p', String(port)].concat(isStoring ? ['-js', '-sd', directory] : []),
  );
}

/** Forgets nothing when it is killed, unless it keeps everything in memory. */
export function startRedis({ isStoring = true } = {}): Promise<StoringServer> {
  const storing = isStoring ? '--appendonly yes --appendfsync always' : '--appendonly no';
  return startProgram('redis', 'redis-server', (port, directory) =>
    `--bind 127.0.0.1 --port ${port} --dir ${directory} ${storing}`.split(' ').concat('--save', ''),
  );
}

async function startProgram(
  scheme: string,
  program: string,
  argumentsFor: (port: number, directory: string) => string[],
): Promise<StoringServer> {
  const directory = await mkdtemp(join(tmpdir(), `rivulet-${scheme}-`));
  const port = await freePort();
  let running: ChildProcess;
  const restart = async (): Promise<void> => {
    running = spawn(program, argumentsFor(port, directory), { cwd: directory, stdio: 'ignore' });
    await untilAnswering(port);
  };
  const kill = async (): Promise<void> => {
    if (running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  };
  await restart();
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    databaseUrl: '',
    kill,
    restart,
    restartEmpty: async () => {
      await kill();
      for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true });
      await restart();
    },
    stop: async () => {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function untilAnswering(port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    await delay(20);
  }
  throw new Error(`Nothing listens on port ${port}.`);
}
