import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { startEmbeddedServer, type EmbeddedServer } from '.';
import { isRunning, parentOf } from './postmaster-file';

jest.setTimeout(60_000);

describe('the embedded server', () => {
  let folder: string;
  let directory: string;
  const stops: (() => unknown)[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rivulet-embedded-'));
    directory = join(folder, 'a folder', 'server');
  });

  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(options: { port?: number; databases?: string[] } = {}): Promise<EmbeddedServer> {
    const server = await startEmbeddedServer({ directory, databases: ['demo'], ...options });
    stops.push(() => server.stop());
    return server;
  }

  async function startOwner(): Promise<{ owner: ChildProcess; pid: number; url: string }> {
    const program = resolve(__dirname, '..', 'test', 'embedded-server-owner.cjs');
    const owner = spawn(process.execPath, [program, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(owner.stdout.setEncoding('utf8'), 'data')) as [string];
    const { pid, url } = JSON.parse(line) as { pid: number; url: string };
    stops.push(() => owner.kill('SIGKILL') && expectGone([pid], 5_000));
    return { owner, pid, url };
  }

  // One server for what does not change it: initdb is most of the time of a test here.
  it('gives a database like the production one, on loopback alone, in a folder that only its owner may enter', async () => {
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const server = await start({ databases: ['demo', 'odd "name"'] });
    for (const database of ['demo', 'odd "name"']) {
      const [row] = await query(
        server.url(database),
        `SELECT current_database() AS name, current_setting('search_path') AS path,
                upper('straße ñ я') AS upper, 'B' < 'a' AS bytewise, inet_server_addr()::text AS address`,
      );
      expect(row).toEqual({
        name: database,
        path: 'public, rivulet',
        upper: 'STRAßE Ñ Я',
        bytewise: true,
        address: '127.0.0.1/32',
      });
    }
    expect(statSync(join(directory, 'password')).mode & 0o777).toBe(0o600);
    await expect(query(server.url('demo').replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1')).rejects.toThrow(
      /password/,
    );
  });

  it('keeps its data over a restart, and does not change the password', async () => {
    const first = await start();
    await query(first.url('demo'), 'CREATE TABLE kept AS SELECT 7 AS n');
    await first.stop();
    expect(isRunning(first.pid)).toBe(false);
    await expect(first.exited).resolves.toMatchObject({ code: 0, requested: true });
    const second = await start({ port: first.port });
    expect(second.url('demo')).toBe(first.url('demo'));
    await expect(query(second.url('demo'), 'SELECT n FROM kept')).resolves.toEqual([{ n: 7 }]);
  });

  it('takes another port when the wanted one is taken', async () => {
    const other: Server = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    stops.push(() => other.close());
    const { port } = other.address() as AddressInfo;
    const server = await start({ port });
    expect(server.port).not.toBe(port);
    await expect(query(server.url('demo'), 'SELECT 1 AS one')).resolves.toEqual([{ one: 1 }]);
  });

  it('ends within two seconds when its owner is killed', async () => {
    const { owner, pid, url } = await startOwner();
    const guardPid = parentOf(pid);
    await query(url, 'CREATE TABLE kept AS SELECT 7 AS n');
    owner.kill('SIGKILL');
    await expectGone([pid, guardPid], 2_000);
    const server = await start();
    await expect(query(server.url('demo'), 'SELECT n FROM kept')).resolves.toEqual([{ n: 7 }]);
  });

  it('ends when its guard is killed, and tells the owner', async () => {
    const server = await start();
    process.kill(parentOf(server.pid), 'SIGKILL');
    await expect(server.exited).resolves.toMatchObject({ requested: false });
    expect(isRunning(server.pid)).toBe(false);
  });

  it('tells the owner when it is killed, and starts again on what that left', async () => {
    const server = await start();
    const guardPid = parentOf(server.pid);
    process.kill(server.pid, 'SIGKILL');
    await expect(server.exited).resolves.toMatchObject({ code: 137, requested: false });
    await expectGone([guardPid], 2_000);
    const again = await start();
    await expect(query(again.url('demo'), 'SELECT 1 AS one')).resolves.toEqual([{ one: 1 }]);
  });

  it('starts over a postmaster.pid that a crash left, whatever is in it', async () => {
    await (await start()).stop();
    const rest = '/proc/self/cwd\n1\n1\n\n127.0.0.1\n1 1\nready\n';
    const ofAnotherProgram = `${process.pid}\n${rest}`;
    const ofNoProcess = `4194304\n${rest}`;
    for (const content of [ofAnotherProgram, ofNoProcess, '']) {
      writeFileSync(join(directory, 'data', 'postmaster.pid'), content);
      const server = await start();
      await expect(query(server.url('demo'), 'SELECT 1 AS one')).resolves.toEqual([{ one: 1 }]);
      await server.stop();
    }
  });

  it('refuses a directory on which another process runs a server, and names that process', async () => {
    const { owner, url } = await startOwner();
    const refusal = {
      code: 'DATABASE_UNAVAILABLE',
      message: expect.stringContaining(`process ${owner.pid} is already`),
    };
    await expect(start()).rejects.toMatchObject(refusal);
    await expect(query(url, 'SELECT 1 AS one')).resolves.toEqual([{ one: 1 }]);
  });

  it('refuses data of another version, and says so', async () => {
    await (await start()).stop();
    writeFileSync(join(directory, 'data', 'PG_VERSION'), '9.6\n');
    await expect(start()).rejects.toMatchObject({
      message: expect.stringContaining('created by PostgreSQL 9.6'),
    });
  });

  it('says what PostgreSQL said when a setting is wrong', async () => {
    const wrong = startEmbeddedServer({ directory, databases: [], settings: { shared_buffers: 'lots' } });
    await expect(wrong).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      message: expect.stringContaining('shared_buffers'),
      nextStep: expect.stringContaining('CENTRAL_DATABASE_URL'),
    });
  });
});

async function query(connectionString: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function expectGone(pids: number[], withinMs: number): Promise<void> {
  const startedAt = performance.now();
  while (pids.some((pid) => isRunning(pid)) && performance.now() - startedAt < withinMs) await delay(20);
  expect(pids.filter((pid) => isRunning(pid))).toEqual([]);
}
