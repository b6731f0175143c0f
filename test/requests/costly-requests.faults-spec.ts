import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppProcess } from '@rivulet/app-process';
import { createTestDatabase, startApp, type TestDatabase } from '@rivulet/testing';
import { DeviceClient, parseAnswer, readAll, validRequest } from '../support/clients/device-client';
import { DEMO_MAC } from '../support/apps/sync-pair';

/**
 * A process with Nest, TypeORM and its pools has 150 to 200 MiB when it has started, and V8 lets garbage stand for a
 * while. The faults that this excludes took 1.8 and 2.4 GiB.
 */
const MOST_MEMORY_MIB = 450;

const held = { name: 'users', fingerprint: 'a'.repeat(64), checksum: 'b'.repeat(64) };

let database: TestDatabase;
let central: AppProcess;
let device: DeviceClient;

async function start(): Promise<void> {
  database = await createTestDatabase();
  central = await startApp('central', { CENTRAL_DATABASE_URL: database.url, CENTRAL_DEMO_DATA: 'true' });
  device = new DeviceClient(central.url);
}

async function stop(): Promise<void> {
  central.signal('SIGCONT');
  await central.stop();
  await database.drop();
}

/** The peak of a process is that of its whole life: what measures it has one of its own. */
function withCentralForEachTest(): void {
  beforeEach(start);
  afterEach(stop);
}

function withOneCentral(): void {
  beforeAll(start);
  afterAll(stop);
}

async function isHealthy(): Promise<boolean> {
  return (await fetch(`${central.url}/health`)).ok;
}

describe('many-errors-body', () => {
  withOneCentral();

  it.each([
    ['too many tables', { tables: Array.from({ length: 1_001 }, () => ({})) }, 1],
    ['as many wrong tables as can be', { tables: Array.from({ length: 1_000 }, () => ({ x: 1 })) }, 50],
    [
      'fields that nobody knows',
      Object.fromEntries(Array.from({ length: 9_000 }, (_, i) => [`f${i}`, 1])),
      50,
    ],
  ])('with %s is answered with a few errors', async (_name, fields, count) => {
    const [status, problem] = await device.post('request', { ...validRequest, ...fields });
    expect([status, problem.code]).toEqual([400, 'REQUEST_INVALID']);
    expect(problem.errors).toHaveLength(count);
  });
});

describe('many-errors-body, by its memory,', () => {
  withCentralForEachTest();

  it('is refused before it is parsed, while others are answered', async () => {
    const tables = `[${Array.from({ length: 349_000 }, () => '{}').join(',')}]`;
    const body = `{"protocolVersion":1,"nonce":"AAAAAAAAAAAAAAAAAAAAAA","tables":${tables}}`;
    expect(body.length).toBeLessThan(1024 * 1024);
    const costly = Array.from({ length: 6 }, () => device.post('request', body));
    expect(await isHealthy()).toBe(true);
    expect((await device.post('request', validRequest))[0]).toBe(200);
    for (const [status, problem] of await Promise.all(costly)) {
      expect([status, problem.code]).toEqual([413, 'REQUEST_TOO_LARGE']);
      expect(problem.detail).toContain('10000 values');
    }
    expect(central.peakRssMiB).toBeLessThan(MOST_MEMORY_MIB);
    expect(central.complaints.filter(({ level }) => level !== 'warn')).toEqual([]);
  });

  it('of which hundreds arrive slowly takes no more memory than is set aside', async () => {
    const body = 'x'.repeat(1024 * 1024 - 1);
    const head = `POST /api/device-sync/request HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
    const sockets = await Promise.all(Array.from({ length: 100 }, () => device.open()));
    const answers = sockets.map((socket) => once(socket, 'data'));
    for (const socket of sockets) socket.write(`${head}Content-Length: ${body.length + 1}\r\n\r\n${body}`);
    // Sixteen of a mebibyte each are let in from one address; they lack their last byte, and are not answered.
    const busy = await firstOf(answers, 84);
    expect(busy.every(([bytes]) => String(bytes).startsWith('HTTP/1.1 503'))).toBe(true);
    expect(await isHealthy()).toBe(true);
    expect(central.peakRssMiB).toBeLessThan(MOST_MEMORY_MIB);
    for (const socket of sockets) socket.destroy();
  });
});

/** The first so many that come true. */
async function firstOf<T>(promises: Promise<T>[], count: number): Promise<T[]> {
  const settled: T[] = [];
  await new Promise<void>((resolve, reject) => {
    const settle = (value: T): void => {
      if (settled.push(value) === count) resolve();
    };
    for (const promise of promises) void promise.then(settle, reject);
  });
  return settled;
}

describe('pipelining', () => {
  withCentralForEachTest();

  it('of more than a few requests ends the connection, and costs nothing', async () => {
    const { manifestId } = await device.manifest();
    const path = `/api/device-sync/manifests/${manifestId}/payload`;
    const request = `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Device-Mac: ${DEMO_MAC}\r\n\r\n`;
    const socket = await device.open();
    // `once` would take the broken connection for a failure.
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(request.repeat(58_200));
    for (let count = 0; count < 5; count++) expect(await isHealthy()).toBe(true);
    socket.resume();
    await closed;
    expect(central.peakRssMiB).toBeLessThan(MOST_MEMORY_MIB);
    // It was 1.1 GB.
    expect(central.log.length).toBeLessThan(100_000);
  });

  it('leaves a count of its log lines, and no other line is lost', async () => {
    const url = `${central.url}/api/device-sync/request`;
    const json = { 'content-type': 'application/json' };
    const post = { method: 'POST', headers: json, body: JSON.stringify(validRequest) };
    for (let count = 0; count < 100; count++) await fetch(url, post);
    await fetch(url, { ...post, headers: { ...json, 'x-device-mac': 'nonsense' } });
    await central.stop();
    const lines = central.log.split('\n').filter((line) => line.includes('/api/device-sync/request'));
    const unidentified = lines.filter((line) => line.includes('DEVICE_UNIDENTIFIED'));
    expect(unidentified).toHaveLength(31);
    expect(JSON.parse(unidentified.at(-1)!)).toMatchObject({ repeated: 70 });
    expect(lines.filter((line) => line.includes('MAC_ADDRESS_INVALID'))).toHaveLength(1);
  });
});

describe('one process', () => {
  withOneCentral();

  describe('pipelining', () => {
    it('of a few is answered one after the other, in order', async () => {
      const socket = await device.open();
      const all = readAll(socket);
      const paths = Array.from({ length: 10 }, (_, index) => `/nothing/${index}`);
      const last = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
      socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join('') + last);
      const answers = await all;
      const instances = [...answers.matchAll(/"instance":"([^"]+)"/g)].map((match) => match[1]);
      expect(instances).toEqual(paths);
      expect(answers).toContain('HTTP/1.1 200 OK');
    });
  });

  describe('paused-process', () => {
    it('tells a request that it could not read in time to come again', async () => {
      const body = JSON.stringify({ ...validRequest, tables: [held] });
      const head = `POST /api/device-sync/request HTTP/1.1\r\nHost: x\r\nX-Device-Mac: ${DEMO_MAC}\r\nConnection: close\r\n`;
      const request = `${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const early = await device.open();
      // The server has it by then.
      await sleep(100);
      central.signal('SIGSTOP');
      const late = await device.open();
      early.write(request);
      late.write(request);
      await sleep(12_000);
      central.signal('SIGCONT');
      for (const text of await Promise.all([readAll(early), readAll(late)])) {
        const { status, head: answer, problem } = parseAnswer(text);
        if (status === 200) continue;
        expect([status, problem.code]).toEqual([408, 'REQUEST_TIMEOUT']);
        expect(answer).toContain('Retry-After: 1');
      }
    });
  });
});
