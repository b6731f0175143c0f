import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { RouteTable } from '@rivulet/platform';
import { workerHeaders, workerSignature } from '@rivulet/protocol';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { startAppInProcess, type AppInProcess } from '../support/apps/apps-in-process';
import { startWorker, type RunningWorker } from '../../apps/worker/test/worker-in-process';
import { bearer } from '../support/clients/operator';
import { CentralCredentials } from './central-credentials';

/**
 * Every route with every kind of caller. The answers stand in matrix.txt, one block for a route; `WRITE_MATRIX=1` writes
 * them again, for a person to read what has changed.
 */
const FILE = resolve(__dirname, 'matrix.txt');
/** They are for anyone, and have a dozen files. */
const PAGES = '/api/docs/';
const UNKNOWN = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const API_TOKEN = 'the token of this edge';

interface Caller {
  name: string;
  headers: Record<string, string>;
  remoteAddress?: string;
}

let written: Map<string, string>;
const answered = new Map<string, string>();

/** Caller by caller, those who may the most last: what they change cannot change what others are answered. */
async function answersOf(
  app: NestFastifyApplication,
  callers: Caller[],
  { parts = {}, query = '' }: { parts?: Record<string, string>; query?: string } = {},
): Promise<Map<string, string>> {
  const routes = app.get(RouteTable).routes.filter(({ path }) => !path.startsWith(PAGES));
  const cells = new Map(routes.map(({ method, path }) => [`${method} ${path}`, new Map<string, string[]>()]));
  const kept: string[] = [];
  for (const caller of callers) {
    for (const { method, path } of routes) {
      const url = path.replaceAll(/:(\w+)/g, (_, name: string) => parts[name] ?? UNKNOWN) + query;
      const { headers, remoteAddress = '127.0.0.1' } = caller;
      const answer = await app.inject({ method: method as 'GET', url, headers, remoteAddress });
      const isKept = !/no-store|private/.test(String(answer.headers['cache-control']));
      if (isKept && !path.startsWith('/api/docs')) kept.push(`${method} ${path}`);
      const isProblem = String(answer.headers['content-type']).startsWith('application/problem+json');
      const code = isProblem ? ` ${answer.json<{ code: string }>().code}` : '';
      const cell = cells.get(`${method} ${path}`)!;
      const what = `${answer.statusCode}${code}`;
      cell.set(what, [...(cell.get(what) ?? []), caller.name]);
    }
  }
  expect(kept).toEqual([]);
  return new Map(
    routes.map(({ method, path, rule }) => {
      const lines = [...cells.get(`${method} ${path}`)!].map(([what, who]) => `  ${what}: ${who.join(', ')}`);
      return [`${method} ${path}`, [`${method} ${path} (${rule})`, ...lines.toSorted()].join('\n')];
    }),
  );
}

beforeAll(() => {
  const blocks = readFileSync(FILE, 'utf8').split(/\n\n(?=\S)/);
  written = new Map(blocks.map((block) => [block.slice(0, block.indexOf('\n')), block.trimEnd()]));
});
afterAll(() => {
  if (process.env['WRITE_MATRIX'] !== '1') return;
  const titles = [...answered.keys()].toSorted();
  writeFileSync(FILE, `${titles.map((title) => answered.get(title)).join('\n\n')}\n`);
});

function compare(app: string, answers: Map<string, string>): void {
  const blocks = [...answers.values()].map((block) => `${app}: ${block}`);
  for (const block of blocks) answered.set(block.slice(0, block.indexOf('\n')), block);
  if (process.env['WRITE_MATRIX'] === '1') return;
  const own = [...written].filter(([title]) => title.startsWith(`${app}: `));
  expect(blocks.toSorted()).toEqual(own.map(([, block]) => block).toSorted());
}

describe('each route of central', () => {
  let running: AppInProcess;
  let credentials: CentralCredentials;

  beforeAll(async () => {
    running = await startAppInProcess('central', { CENTRAL_DEVICE_AUTH: 'key' });
    credentials = await CentralCredentials.make(running);
  });
  afterAll(() => running.stop());

  it('answers each kind of caller as is written down', async () => {
    const { callers, manifestId } = credentials;
    compare('central', await answersOf(running.app, callers, { parts: { manifestId } }));
    expect(callers.length).toBeGreaterThan(24);
  });
});

describe('each route of the edge', () => {
  let running: AppInProcess;

  beforeAll(async () => {
    running = await startAppInProcess('edge', { EDGE_API_TOKEN: API_TOKEN.replaceAll(' ', '-') });
  });
  afterAll(() => running.stop());

  it('answers each kind of caller as is written down', async () => {
    const elsewhere = { remoteAddress: '10.0.0.7' };
    const token = bearer(API_TOKEN.replaceAll(' ', '-'));
    const callers: Caller[] = [
      { name: 'another machine', headers: {}, ...elsewhere },
      { name: 'another machine with a wrong token', headers: bearer('x'.repeat(20)), ...elsewhere },
      { name: 'this machine with a wrong token', headers: bearer('x'.repeat(20)) },
      { name: 'a proxy on this machine', headers: { 'x-forwarded-for': '10.0.0.7' } },
      { name: 'a page of another site', headers: { origin: 'https://elsewhere.example' } },
      { name: 'another machine with the token', headers: token, ...elsewhere },
      { name: 'this machine', headers: {} },
    ];
    // Whoever is let in is told that no route has such a parameter; nothing else is done.
    compare('edge', await answersOf(running.app, callers, { query: '?none=1' }));
    expect(running.app.get(RouteTable).routes.length).toBeGreaterThan(10);
  });
});

describe('each route of a worker', () => {
  const key = 'the-key-of-this-worker';
  let running: RunningWorker;

  beforeAll(async () => {
    running = await startWorker({ WORKER_INTERNAL_KEY: key, WORKER_URLS: 'http://worker-7:8082' });
  });
  afterAll(() => running.stop());

  function signed(
    name: string,
    changes: { key?: string; atMs?: number; body?: string; audience?: string } = {},
  ): Caller {
    const said = {
      timestamp: String(changes.atMs ?? Date.now()),
      nonce: name.replaceAll(' ', '-').padEnd(16, '-'),
      audience: changes.audience ?? 'worker-7:8082',
    };
    const signature = workerSignature(changes.key ?? key, said, changes.body ?? '');
    const headers = {
      [workerHeaders.timestamp]: said.timestamp,
      [workerHeaders.nonce]: said.nonce,
      [workerHeaders.audience]: said.audience,
      [workerHeaders.signature]: signature,
    };
    return { name, headers, remoteAddress: '10.0.0.7' };
  }

  it('answers each kind of caller as is written down', async () => {
    const elsewhere = { remoteAddress: '10.0.0.7' };
    const withKey = { [workerHeaders.key]: key };
    const callers: Caller[] = [
      { name: 'nobody', headers: {} },
      { name: 'another machine', headers: {}, ...elsewhere },
      { name: 'a wrong key', headers: { [workerHeaders.key]: `${key}x` } },
      { name: 'another machine with the key', headers: withKey, ...elsewhere },
      { name: 'the key through a proxy', headers: { ...withKey, 'x-forwarded-for': '10.0.0.7' } },
      signed('a signature with another key', { key: `${key}x` }),
      signed('a signature of another body', { body: '{}' }),
      signed('a signature for another worker', { audience: 'worker-8:8082' }),
      signed('a signature of yesterday', { atMs: Date.now() - 86_400_000 }),
      { name: 'this machine with the key', headers: withKey },
      signed('another machine with a signature'),
      { ...signed('another machine with a signature'), name: 'a signature again' },
    ];
    // Whoever is let in is told that no route has such a parameter; nothing else is done.
    compare('worker', await answersOf(running.app, callers, { query: '?none=1' }));
    expect(running.app.get(RouteTable).routes.length).toBeGreaterThan(8);
  });
});
