import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunScheduler } from '../../apps/central/src/collection/runs/run-scheduler';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectingEdge } from '../support/apps/collecting-edge';
import { CollectionOperator, type RunOutcome } from '../support/clients/collection-operator';

const AWAY = 'http://127.0.0.1:9';
const HOUR_MS = 3_600_000;
/** Half an hour ago: no time of the schedule comes while the test goes on. */
const LAST = new Date(Math.floor(Date.now() / 60_000) * 60_000 - HOUR_MS / 2);
const cron = `${LAST.getUTCMinutes()} * * * *`;
/** The last time of the schedule, and those before it. */
const hour = (before: number, seconds = 0): Date =>
  new Date(LAST.getTime() - before * HOUR_MS + seconds * 1_000);

let central: CentralInProcess;
let operator: CollectionOperator;
let edge: CollectingEdge;
let tables = 0;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac' });
  operator = new CollectionOperator(central);
  edge = await CollectingEdge.join(central, { allow: ['readings'], spoolBytes: 1024 * 1024 });
  await edge.database.pool.query('CREATE TABLE readings (id bigint PRIMARY KEY, value text)');
});
afterAll(async () => {
  await edge.stop();
  await central.stop();
});
afterEach(async () => {
  await edge.reopen(central.url);
  await central.database.pool.query(
    'DELETE FROM rivulet.collection_jobs; DELETE FROM rivulet.collection_runs',
  );
  await edge.collect();
});

const newSchema = (more: object = {}): object => ({
  name: 'readings',
  sql_command: 'SELECT * FROM readings',
  target_table: `kept_${++tables}`,
  mode: 'snapshot',
  ...more,
});

/** A job for each hour, which the edge has learned of, five hours ago; then central is away. */
async function learnedJob(schema = newSchema()): Promise<string> {
  const job = await operator.define(schema, [edge], { cron, overlap: 'queue' });
  await edge.learnSchedule(hour(5, 1_800));
  await edge.reopen(AWAY);
  return job;
}

async function become(value: string): Promise<void> {
  await edge.database.pool.query('TRUNCATE readings');
  await edge.database.pool.query('INSERT INTO readings SELECT n, $1 FROM generate_series(1, 50) AS n', [
    value,
  ]);
}

type Run = RunOutcome & { scheduled_for: string };

async function runsOf(job: string): Promise<Run[]> {
  const { runs } = await operator.find<{ runs: Run[] }>(`/api/jobs/${job}/runs`);
  return runs.toSorted((a, b) => a.scheduled_for.localeCompare(b.scheduled_for));
}

/** What central has of each run: the scheduled time, when the rows were read, and their value. */
async function collected(job: string): Promise<[string, string, string, number][]> {
  const found = await Promise.all(
    (await runsOf(job)).map(async ({ id, scheduled_for }) => {
      const { rows } = await central.database.pool.query<{ at: Date; value: string; rows: number }>(
        `SELECT collected_at AS at, value, count(*)::int AS rows FROM collected.kept_${tables}
         WHERE run_id = $1 GROUP BY 1, 2`,
        [id],
      );
      return rows.map(
        ({ at, value, rows: count }) =>
          [scheduled_for, at.toISOString(), value, count] as [string, string, string, number],
      );
    }),
  );
  return found.flat();
}

const claim = (body: object, macAddress = edge.macAddress): Promise<[number, { runId?: string }]> =>
  central.call('POST', '/api/collection/kept', body, { 'x-device-mac': macAddress });

/** The scheduler of central starts the run of this time. */
async function startRun(job: string, slot: Date): Promise<void> {
  await central.database.pool.query(
    'UPDATE rivulet.collection_jobs SET next_slot_at = $2, next_run_at = now() WHERE job_id = $1',
    [job, slot],
  );
  await central.get(RunScheduler).look();
}

it('rows of the times at which central was away are those of these times, and come once it is back', async () => {
  const job = await learnedJob();
  await become('first');
  await edge.collectAway(hour(4, 2));
  await become('second');
  await edge.collectAway(hour(3, 3));
  // Not again within the hour, nor after a restart.
  await edge.collectAway(hour(3, 40));
  await edge.reopen(AWAY);
  await edge.collectAway(hour(3, 50));
  expect((await edge.health()).detail).toEqual({ waitingRuns: 2, scheduledJobs: 1, droppedRuns: 0 });
  await become('third');
  // Back. Central makes up for the first of the times that it has missed, before the edge asks.
  await startRun(job, hour(4));
  await startRun(job, hour(2));
  await edge.reopen(central.url);
  await edge.collect();
  const [now, ...before] = (await collected(job)).toReversed();
  expect(before.toReversed()).toEqual([
    [hour(4).toISOString(), hour(4, 2).toISOString(), 'first', 50],
    [hour(3).toISOString(), hour(3, 3).toISOString(), 'second', 50],
  ]);
  expect(now).toMatchObject([hour(2).toISOString(), expect.any(String), 'third', 50]);
  expect((await runsOf(job)).map(({ state }) => state)).toEqual(Array(3).fill('succeeded'));
});

it('the oldest rows are dropped when there is no room, which is counted and degrades the health', async () => {
  const job = await learnedJob();
  const fill = (value: number): Promise<unknown> =>
    edge.database.pool.query(
      `INSERT INTO readings SELECT 100 + n, (SELECT string_agg(sha512((n * 1000 + m + $1)::text::bytea)::text, '')
         FROM generate_series(1, 80) AS m) FROM generate_series(1, 120) AS n
       ON CONFLICT (id) DO UPDATE SET value = excluded.value`,
      [value],
    );
  await fill(1_000_000);
  await edge.collectAway(hour(4, 2));
  await fill(2_000_000);
  await edge.collectAway(hour(3, 2));
  expect(await edge.health()).toMatchObject({
    up: false,
    detail: {
      waitingRuns: 1,
      droppedRuns: 1,
      problem: expect.stringContaining('1 runs were dropped') as string,
    },
  });
  expect(await edge.metric('rivulet_edge_collection_dropped_runs_total')).toContain('total 1');
  await edge.reopen(central.url);
  await edge.collect();
  expect((await runsOf(job)).map(({ scheduled_for }) => scheduled_for)).toEqual([hour(3).toISOString()]);
  await become('small');
});

it('nothing comes of a job that was deleted, or whose query was changed, meanwhile', async () => {
  const jobs = [await operator.define(newSchema(), [edge], { cron }), await learnedJob()];
  await edge.collectAway(hour(4, 2));
  expect((await edge.health()).detail).toMatchObject({ waitingRuns: 2, scheduledJobs: 2 });
  const [deleted, changed] = jobs as [string, string];
  await central.call('DELETE', `/api/jobs/${deleted}`);
  const { schema_id } = await operator.find<{ schema_id: string }>(`/api/jobs/${changed}`);
  const another = { ...newSchema(), sql_command: 'SELECT * FROM readings WHERE id > 7' };
  await central.call('PUT', `/api/schemas/${schema_id}`, another);
  await edge.reopen(central.url);
  await edge.collect();
  expect((await edge.health()).detail).toEqual({ waitingRuns: 0, scheduledJobs: 1, droppedRuns: 0 });
  expect(await edge.metric('rivulet_edge_collection_runs_total')).toContain(
    '{result="COLLECTION_KEPT_UNWANTED"} 2',
  );
  expect([await runsOf(deleted), await runsOf(changed)]).toEqual([[], []]);
});

it('a device reads what it allows by itself, and nothing where its schedule is torn', async () => {
  await learnedJob({ ...newSchema(), sql_command: 'SELECT 1 AS id FROM pg_class' });
  await edge.collectAway(hour(4, 2));
  expect(await edge.metric('rivulet_edge_collection_kept_runs_total')).toContain('{result="failed"} 1');
  const file = join(edge.spool, 'schedule.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('pg_class', 'readings'));
  await edge.reopen(AWAY);
  await edge.collectAway(hour(3, 2));
  expect((await edge.health()).detail).toMatchObject({ waitingRuns: 0, scheduledJobs: 0 });
});

it('a device does not keep the schedule of a different one', async () => {
  const other = await CollectingEdge.join(central, { allow: [] });
  await operator.define(newSchema(), [other], { cron });
  await other.learnSchedule(hour(5, 1_800));
  const content = readFileSync(join(other.spool, 'schedule.json'));
  await other.stop();
  writeFileSync(join(edge.spool, 'schedule.json'), content);
  await edge.reopen(AWAY);
  expect((await edge.health()).detail).toMatchObject({ scheduledJobs: 0 });
  await edge.reopen(central.url);
  await learnedJob();
  expect((await edge.health()).detail).toMatchObject({ scheduledJobs: 1 });
});

it('a time that was noticed a minute too late is not kept, as rows of now are not those of then', async () => {
  await learnedJob();
  await edge.collectAway(hour(4, 2));
  await edge.collectAway(hour(2, 70));
  expect((await edge.health()).detail).toMatchObject({ waitingRuns: 1 });
  expect(await edge.metric('rivulet_edge_collection_kept_runs_total')).toContain('{result="missed"} 2');
});

it('one run is made for a job and time, of all that were away, and rows that come twice count once', async () => {
  const other = await CollectingEdge.join(central, { allow: [] });
  const job = await operator.define(newSchema(), [edge, other], { cron, overlap: 'queue' });
  await edge.learnSchedule(hour(5, 1_800));
  const { jobs } = JSON.parse(
    (JSON.parse(readFileSync(join(edge.spool, 'schedule.json'), 'utf8')) as { json: string }).json,
  ) as { jobs: { revision: string }[] };
  const kept = {
    jobId: job,
    revision: jobs[0]!.revision,
    scheduledFor: hour(4).toISOString(),
    collectedAt: hour(4, 2).toISOString(),
    checksum: '0'.repeat(64),
  };
  const claimed = await Promise.all(
    [edge, other, edge, other, edge, other].map(({ macAddress }) => claim(kept, macAddress)),
  );
  const { runId } = claimed[0]![1];
  for (const answer of claimed) expect(answer).toEqual([200, { runId }]);
  // Nothing stands in the way of the run of now.
  await startRun(job, hour(2));
  expect((await runsOf(job)).map(({ state }) => state)).toEqual(['running', 'running']);
  for (const wrong of [
    { scheduledFor: hour(4, 1).toISOString() },
    { scheduledFor: hour(-2).toISOString() },
    { scheduledFor: hour(24 * 31).toISOString() },
    { revision: '0'.repeat(64) },
  ])
    expect(await claim({ ...kept, ...wrong })).toMatchObject([410, { code: 'COLLECTION_KEPT_UNWANTED' }]);
  await central.call('POST', `/api/runs/${runId}/cancel`);
  expect(await claim(kept)).toMatchObject([410, { code: 'COLLECTION_KEPT_UNWANTED' }]);
  // Central makes up for a time that one network has brought already: the others are asked, too.
  const { runId: joined } = (await claim({ ...kept, scheduledFor: hour(3).toISOString() }))[1];
  await startRun(job, hour(3));
  expect(await operator.outcome(joined!)).toMatchObject({ networks: { active: 1, waiting: 1 } });
  await other.stop();
});

it('a network that was given up by the deadline brings its rows after all, and others keep theirs', async () => {
  const job = await learnedJob();
  await become('late');
  await edge.collectAway(hour(4, 2));
  await startRun(job, hour(4));
  await central.database.pool.query('UPDATE rivulet.collection_runs SET deadline_at = clock_timestamp()');
  await central.get(RunScheduler).look();
  expect((await runsOf(job)).map(({ state }) => state)).toEqual(['failed']);
  await edge.reopen(central.url);
  await edge.collect();
  expect((await runsOf(job)).map(({ state }) => state)).toEqual(['succeeded']);
  expect(await collected(job)).toEqual([[hour(4).toISOString(), hour(4, 2).toISOString(), 'late', 50]]);
});
