import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@rivulet/testing';
import { Client } from 'pg';

const PROGRAMS = '/usr/lib/postgresql';
const READY_WITHIN_MS = 30_000;

/** The newest server of Debian's packages, or of PostgreSQL's for Debian, that has an extension: `/usr/lib/postgresql/15`. */
export function findDebianServer(extension: string): string | undefined {
  const versions = existsSync(PROGRAMS) ? readdirSync(PROGRAMS) : [];
  const version = versions
    .filter((name) => /^\d+$/.test(name) && existsSync(join(PROGRAMS, name, 'bin', 'initdb')))
    .filter((name) => existsSync(`/usr/share/postgresql/${name}/extension/${extension}.control`))
    .toSorted((a, b) => Number(b) - Number(a))[0];
  return version === undefined ? undefined : join(PROGRAMS, version);
}

/** Ends the server when its standard input is closed, so also when the tests are killed. */
const GUARD = '"$@" & server=$!; cat > /dev/null; kill -INT $server; wait $server';

/** A server for one test file, on a free port of the loopback, in a folder of its own. Nothing in it reaches the disk. */
export class DebianServer {
  private constructor(
    readonly url: string,
    private readonly guard: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(programs: string): Promise<DebianServer> {
    const folder = mkdtempSync(join(tmpdir(), 'rivulet-debian-'));
    const account = serverAccount();
    if (account !== undefined) chownSync(folder, account.uid, account.gid);
    chmodSync(folder, 0o700);
    const data = join(folder, 'data');
    const options = { cwd: folder, ...account };
    execFileSync(
      join(programs, 'bin', 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      { ...options, stdio: 'ignore' },
    );
    const port = await freePort();
    const settings = `port=${port} listen_addresses=127.0.0.1 unix_socket_directories= fsync=off max_connections=100`;
    const command = [join(programs, 'bin', 'postgres'), '-D', data];
    for (const setting of settings.split(' ')) command.push('-c', setting);
    const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', ...command], {
      ...options,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const server = new DebianServer(`postgres://postgres@127.0.0.1:${port}/postgres`, guard, folder);
    await server.becomesReady();
    return server;
  }

  async stop(): Promise<void> {
    const exited = once(this.guard, 'exit');
    this.guard.stdin!.end();
    await exited;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async becomesReady(): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS;
    for (;;) {
      const client = new Client({ connectionString: this.url });
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        if (performance.now() < deadline) {
          await delay(50);
          continue;
        }
        await this.stop();
        throw error;
      }
    }
  }
}

/** PostgreSQL does not run as root. */
function serverAccount(): { uid: number; gid: number } | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const [, , uid, gid] = ['postgres', 'nobody'].flatMap((name) =>
    entries.filter(([entry]) => entry === name),
  )[0]!;
  return { uid: Number(uid), gid: Number(gid) };
}
