import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatCount, markdownTable } from '@rivulet/cli';
import { startApp } from '@rivulet/testing';
import { SignJWT } from 'jose';
import { ADMIN_PASSWORD, adminAuthorization } from '../setup/bench-apps';
import { datasetsFile } from '../setup/bench-devices';
import type { BenchRun } from '../setup/bench-run';
import { createSourceRows } from '../setup/source-rows';
import { round } from '../measure/statistics';

const MESSAGES = 20;
/** Before them: the code of both processes is compiled, and memory for the sockets is there. */
const UNCOUNTED = 3;
const SECRET = 'a secret of the benchmark that is long enough';

const RULES = `
version: 1
topics: [{ topic: 'bench.*', subscribe: any, history: { size: 100, age: 1h } }]
`;

export interface RealtimeResult {
  clients: number;
  rssKiBEach: number;
  subscribers: number;
  messages: number;
  /** From the call of publish until a subscriber has the message. */
  medianMs: number;
  p99Ms: number;
}

/**
 * Idle clients of topics, each of a user of its own, who has a topic, too; and one message to half of them. The clients are
 * in a process of their own.
 */
export async function benchRealtime(run: BenchRun): Promise<RealtimeResult> {
  const { servers, cleanup } = run;
  const files = { datasets: servers.path('datasets.yaml'), topics: servers.path('realtime.yaml') };
  await createSourceRows(servers.central.pool, 'realtime_rows', 1_000);
  writeFileSync(files.datasets, datasetsFile({ realtime_mirror: 'realtime_rows' }));
  writeFileSync(files.topics, RULES);
  const central = await startApp('central', {
    CENTRAL_DATABASE_URL: servers.central.url,
    CENTRAL_DATASETS_FILE: files.datasets,
    CENTRAL_REALTIME_FILE: files.topics,
    CENTRAL_REALTIME_SECRET: SECRET,
    CENTRAL_REALTIME_ISSUER: 'bench',
    CENTRAL_REALTIME_AUDIENCE: 'rivulet',
    CENTRAL_REALTIME_MAX_CONNECTIONS: '100000',
    CENTRAL_REALTIME_MAX_CONNECTIONS_PER_ADDRESS: '100000',
    CENTRAL_ADMIN_PASSWORD: ADMIN_PASSWORD,
  });
  const stop = cleanup.add(() => central.stop());
  const clients = fork(join(__dirname, '../load/realtime-process.js'));
  const stopClients = cleanup.add(async () => void clients.kill());
  try {
    const before = rssKiB(central.pid);
    const url = `${central.url.replace('http', 'ws')}/ws/sync`;
    const subscribers = Math.ceil(run.idle / 2);
    const order = {
      url,
      tokens: await Promise.all(Array.from({ length: run.idle }, (_, index) => makeToken(`user${index}`))),
      subscribers,
      topic: 'bench.busy',
    };
    await ask(clients, { type: 'open', order }, 'open');
    await delay(5_000);
    const rssKiBEach = (rssKiB(central.pid) - before) / run.idle;
    const latencies = await fanOut(central.url, clients, subscribers);
    return {
      clients: run.idle,
      rssKiBEach: round(rssKiBEach, 1),
      subscribers,
      messages: MESSAGES,
      medianMs: latencies[Math.floor(latencies.length / 2)]!,
      p99Ms: latencies[Math.floor(latencies.length * 0.99)]!,
    };
  } finally {
    await stopClients();
    await stop();
  }
}

async function fanOut(url: string, clients: ChildProcess, subscribers: number): Promise<number[]> {
  const latencies: number[] = [];
  for (let message = 0; message < UNCOUNTED + MESSAGES; message++) {
    if (message === UNCOUNTED) latencies.length = 0;
    const response = await fetch(`${url}/api/sync/publish`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: adminAuthorization,
      },
      body: JSON.stringify({ topic: 'bench.busy', data: { sentAtMs: Date.now() } }),
    });
    if (!response.ok) throw new Error(`Publishing was answered with ${response.status}.`);
    const wanted = latencies.length + subscribers;
    while (latencies.length < wanted) {
      await delay(50);
      latencies.push(
        ...(await ask<{ latencies: number[] }>(clients, { type: 'take' }, 'latencies')).latencies,
      );
    }
  }
  return latencies.toSorted((a, b) => a - b);
}

function ask<Answer>(child: ChildProcess, message: object, type: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    child.once('message', (answer: { type: string; reason?: string }) => {
      if (answer.type === type) resolve(answer as Answer);
      else reject(new Error(answer.reason ?? 'The clients answered something else.'));
    });
    child.send(message);
  });
}

function makeToken(userId: string): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuer('bench')
    .setAudience('rivulet')
    .setExpirationTime('2h')
    .sign(new TextEncoder().encode(SECRET));
}

function rssKiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
}

export function realtimeTable(result: RealtimeResult): string {
  return markdownTable(
    ['topics', 'figure'],
    [
      ['idle clients', formatCount(result.clients)],
      ['memory of central for each, KiB', String(result.rssKiBEach)],
      [`one message to ${formatCount(result.subscribers)}: median ms`, String(result.medianMs)],
      ['p99 ms', String(result.p99Ms)],
    ],
  );
}
