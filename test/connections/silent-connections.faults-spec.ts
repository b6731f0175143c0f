import { setTimeout as delay } from 'node:timers/promises';
import { TcpRelay } from '@rivulet/testing';
import type { RunningApp } from '../support/apps/running-app';
import { SyncPair, until, type SyncAnswer } from '../support/apps/sync-pair';

jest.setTimeout(120_000);

/** Far less than the limits of the statements, which are minutes. */
const RECOVERED_WITHIN_MS = 30_000;

let relay: TcpRelay;
let pair: SyncPair;

async function start(app: 'central' | 'edge'): Promise<void> {
  relay = await TcpRelay.start();
  pair = await SyncPair.start({
    databaseUrls: { [app]: (url: string) => relay.through(url) },
  });
  expect((await pair.syncNow()).status).toBe('applied');
}

afterEach(async () => {
  await pair.stop();
  await relay.stop();
});

async function changeRows(): Promise<void> {
  await pair.centralDb.pool.query(`UPDATE users SET full_name = full_name || ' again'`);
}

async function syncUntilApplied(): Promise<SyncAnswer[]> {
  const startedAt = performance.now();
  const answers: SyncAnswer[] = [];
  while (performance.now() - startedAt < RECOVERED_WITHIN_MS) {
    answers.push(await pair.syncNow());
    if (answers.at(-1)!.status === 'applied') break;
    await delay(200);
  }
  expect(performance.now() - startedAt).toBeLessThan(RECOVERED_WITHIN_MS);
  expect(answers.at(-1)!.status).toBe('applied');
  return answers;
}

/** Looks at an app's readiness until told to stop. */
function watchReadiness(app: RunningApp): { stop: () => Promise<Set<number>> } {
  const seen = new Set<number>();
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      seen.add((await fetch(`${app.url}/health/ready`)).status);
      await delay(250);
    }
  })();
  return {
    stop: async () => {
      over.abort();
      await watching;
      return seen;
    },
  };
}

async function becomesReady(app: RunningApp): Promise<void> {
  await until('it is ready', async () => (await fetch(`${app.url}/health/ready`)).ok);
}

function lossesTold(app: RunningApp): string[] {
  return app.complaints.map(({ msg }) => msg).filter((msg) => msg.startsWith('A connection of'));
}

describe('silent-connections', () => {
  it('central replaces connections that go silent, says so, and is unready meanwhile', async () => {
    await start('central');
    relay.silence();
    const readiness = watchReadiness(pair.central);
    await changeRows();
    const answers = await syncUntilApplied();
    for (const { error } of answers.slice(0, -1)) {
      expect(error!.code).toMatch(/^(DATABASE_UNAVAILABLE|CENTRAL_UNREACHABLE)$/);
    }
    expect(await readiness.stop()).toContain(503);
    await becomesReady(pair.central);
    const pools = lossesTold(pair.central).map((line) => /"(.*?)"/.exec(line)?.[1]);
    expect(pools.length).toBeGreaterThan(0);
    // Each pool says it once.
    expect(pools).toEqual([...new Set(pools)]);
    expect(await pair.central.stop()).toBe(0);
  });
});

describe('dead-database-connection', () => {
  it('the edge replaces connections that go silent, says so, is unready meanwhile, and stops when told', async () => {
    await start('edge');
    relay.silence();
    const readiness = watchReadiness(pair.edge);
    await changeRows();
    await syncUntilApplied();
    expect(await readiness.stop()).toContain(503);
    await becomesReady(pair.edge);
    expect(lossesTold(pair.edge)).toHaveLength(1);
    expect(await pair.edge.stop()).toBe(0);
  });

  it('in the middle of a cycle fails it, and the lease is free for the next', async () => {
    await start('edge');
    const { rows } = await pair.edgeDb.pool.query<{ table: string }>(
      `SELECT table_name AS "table" FROM rivulet.edge_sync_tables WHERE name = 'users'`,
    );
    const holder = await pair.edgeDb.pool.connect();
    await holder.query(`BEGIN; LOCK TABLE ${rows[0]!.table} IN ACCESS EXCLUSIVE MODE`);
    await changeRows();
    const waiting = pair.syncNow();
    await delay(1_500);
    relay.silence();
    await holder.query('ROLLBACK');
    holder.release();
    const { status, error } = await waiting;
    expect([status, error?.code]).toEqual(['failed', 'DATABASE_UNAVAILABLE']);
    await syncUntilApplied();
  });

  it('when the server stops altogether makes the edge unready, until it goes on', async () => {
    await start('edge');
    relay.silence();
    relay.swallowsNew = true;
    const startedAt = performance.now();
    expect((await fetch(`${pair.edge.url}/health/ready`)).status).toBe(503);
    // A session that could not be opened is an answer as well, in bounded time.
    expect((await pair.syncNow()).status).not.toBe('applied');
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    relay.swallowsNew = false;
    relay.cut('reset');
    await changeRows();
    await syncUntilApplied();
    await becomesReady(pair.edge);
  });
});
