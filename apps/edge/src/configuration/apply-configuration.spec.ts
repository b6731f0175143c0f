import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { DEVICE, FakeWorker, SigningCentral, TemporaryDirectory } from '../../test/configuration-fixture';
import type { ConfigurationReport } from '../hub/configuration-calls';
import { ApplyConfiguration } from './apply-configuration';
import { ConfigurationCache } from './statement/configuration-cache';
import { WorkerClient } from './workers/worker-client';
import { WorkerSet } from './workers/worker-set';

let central: SigningCentral;
let directory: TemporaryDirectory;
let worker: FakeWorker;
let cache: ConfigurationCache;
let apply: ApplyConfiguration;
let reports: ConfigurationReport[];
let variables: Record<string, string>;
const { signal } = new AbortController();

beforeAll(() => Logger.overrideLogger(false));
beforeEach(async () => {
  variables = {};
  central = await SigningCentral.create();
  directory = new TemporaryDirectory();
  worker = await FakeWorker.start();
  await start();
});
afterEach(async () => {
  await worker.kill();
  directory.remove();
});

/** An edge that is started, on the same disk. */
async function start(): Promise<void> {
  const expected = { name: 'default', deviceId: DEVICE, trustedKey: central.thumbprint };
  cache = await ConfigurationCache.open(directory.path, () => expected);
  const sources = { variables: Object.keys(variables), environment: variables, directory: undefined };
  const workers = new WorkerSet([new WorkerClient(worker.url, undefined)], sources);
  reports = [];
  const settings = { healthyForMs: 0, retryMs: { first: 1, most: 5 } };
  apply = new ApplyConfiguration(cache, workers, settings, (report) => reports.push(report));
}

async function receive(version: number, sequence: number): Promise<void> {
  await cache.accept(await central.sign(version, sequence), `"${version}"`);
}

const statuses = (): string[] => reports.map(({ version, status }) => `${version} ${status}`);

it('a new version goes to the worker, proves itself, and is reported', async () => {
  await receive(1, 10);
  await apply.settle(signal);
  expect([worker.taken, statuses()]).toEqual([[1], ['1 APPLYING', '1 APPLIED']]);
  expect(reports.at(-1)).toMatchObject({
    sequence: 10,
    in_force_version: 1,
    in_force_sha256: expect.any(String),
  });
  await apply.settle(signal);
  expect(worker.taken).toEqual([1]);
});

it('a version that the worker refuses leaves the last good one in force, and is not tried again', async () => {
  worker.refuses = (version) => version === 2;
  await receive(1, 10);
  await apply.settle(signal);
  await receive(2, 11);
  await apply.settle(signal);
  await apply.settle(signal);
  expect([worker.runs, worker.taken]).toEqual([1, [1, 1]]);
  expect(reports.at(-1)).toMatchObject({
    version: 2,
    status: 'FAILED',
    reason: expect.stringContaining('WORKER_REFUSED'),
    in_force_version: 1,
  });
  expect(apply.state).toMatchObject({ status: 'failed', version: 2, inForceVersion: 1 });

  await receive(3, 12);
  await apply.settle(signal);
  expect([worker.runs, statuses().at(-1)]).toEqual([3, '3 APPLIED']);
});

it('a version with which the worker is not healthy is taken back', async () => {
  worker.isHealthy = (version) => version !== 2;
  await receive(1, 10);
  await apply.settle(signal);
  await receive(2, 11);
  await apply.settle(signal);
  expect(worker.taken).toEqual([1, 2, 1]);
  expect(reports.at(-1)).toMatchObject({ version: 2, status: 'FAILED', in_force_version: 1 });
});

it('the first version of all that fails leaves nothing in force, and is reported', async () => {
  worker.refuses = () => true;
  await receive(1, 10);
  await apply.settle(signal);
  expect([worker.runs, statuses()]).toEqual([undefined, ['1 APPLYING', '1 FAILED']]);
  expect(apply.state).toMatchObject({ status: 'failed', inForceVersion: null });
});

it('an older version that central goes back to is applied, under its new number', async () => {
  await receive(1, 10);
  await apply.settle(signal);
  await receive(2, 11);
  await apply.settle(signal);
  await receive(1, 12);
  await apply.settle(signal);
  expect(worker.taken).toEqual([1, 2, 1]);
  expect(reports.at(-1)).toMatchObject({ version: 1, sequence: 12, status: 'APPLIED' });
});

it('a worker that was started again is given what it had', async () => {
  await receive(1, 10);
  await apply.settle(signal);
  await worker.kill();
  await apply.settle(signal);
  await worker.listen();
  await apply.settle(signal);
  expect([worker.runs, statuses()]).toEqual([1, ['1 APPLYING', '1 APPLIED']]);
});

it('a worker that is not there is waited for', async () => {
  await worker.kill();
  await receive(1, 10);
  const settled = apply.settle(signal);
  while (reports.length < 2) await new Promise(setImmediate);
  expect(reports[1]).toMatchObject({
    status: 'APPLYING',
    reason: expect.stringContaining('WORKER_UNREACHABLE'),
  });
  await worker.listen();
  await settled;
  expect([worker.runs, statuses().at(-1)]).toEqual([1, '1 APPLIED']);
});

it('a worker that does not take the key or the clock of the edge is asked again, and nothing counts as failed', async () => {
  Object.assign(worker, { refusal: 401, refuses: () => true });
  await receive(1, 10);
  const settled = apply.settle(signal);
  while (reports.length < 2) await new Promise(setImmediate);
  expect(reports[1]).toMatchObject({
    status: 'APPLYING',
    reason: expect.stringContaining('answered 401: NO'),
  });
  worker.refuses = () => false;
  await settled;
  expect([worker.runs, statuses()]).toEqual([1, ['1 APPLYING', '1 APPLYING', '1 APPLIED']]);
});

it('an edge that is started offline gives the worker what it has on disk', async () => {
  await receive(1, 10);
  await apply.settle(signal);
  await worker.kill();
  await worker.listen();
  await start();
  await apply.settle(signal);
  expect([worker.runs, statuses()]).toEqual([1, ['1 APPLIED']]);
});

it('an edge that was killed while a version was tried out tries it again, or goes back', async () => {
  await receive(1, 10);
  await apply.settle(signal);
  await receive(2, 11);
  await start();
  worker.refuses = (version) => version === 2;
  await apply.settle(signal);
  expect([worker.runs, statuses()]).toEqual([1, ['2 APPLYING', '2 FAILED', '2 FAILED']]);
});

it('a version that was refused is not tried again by an edge that is started again, and central hears so', async () => {
  worker.refuses = (version) => version === 2;
  await receive(1, 10);
  await apply.settle(signal);
  await receive(2, 11);
  await apply.settle(signal);
  await start();
  worker.refuses = () => false;
  await apply.settle(signal);
  expect([worker.runs, worker.taken.includes(2), statuses()]).toEqual([1, false, ['2 FAILED']]);
  expect(reports[0]).toMatchObject({
    reason: expect.stringContaining('WORKER_REFUSED'),
    in_force_version: 1,
  });

  await receive(2, 12);
  await apply.settle(signal);
  expect(reports.at(-1)).toMatchObject({ version: 2, sequence: 12, status: 'FAILED' });
  await receive(3, 13);
  await apply.settle(signal);
  expect(worker.runs).toBe(3);
});

it('a version whose secret the device does not have is tried again by an edge that is started with it', async () => {
  await receive(1, 10);
  await apply.settle(signal);
  const data = { url: 'http://example.com/2', password: '${env:TOKEN}' };
  await cache.accept(await central.sign(2, 11, { data }), '"2"');
  await apply.settle(signal);
  expect(reports.at(-1)).toMatchObject({
    status: 'FAILED',
    reason: expect.stringContaining('CONFIGURATION_SECRET_MISSING'),
    in_force_version: 1,
  });
  await start();
  await apply.settle(signal);
  expect([worker.runs, statuses().at(-1)]).toEqual([1, '2 FAILED']);
  variables = { TOKEN: 'x' };
  await start();
  await apply.settle(signal);
  expect([worker.runs, statuses().at(-1)]).toEqual([2, '2 APPLIED']);
});

it('what is remembered of a failure may be torn', async () => {
  await receive(1, 10);
  writeFileSync(join(directory.path, 'failed.json'), '{"version":1,"sha');
  await start();
  await apply.settle(signal);
  expect(worker.runs).toBe(1);
});

it('an apply that is interrupted is not taken for done', async () => {
  await receive(1, 10);
  await apply.settle(signal);
  await receive(2, 11);
  const interrupted = new AbortController();
  worker.isHealthy = () => {
    interrupted.abort();
    return true;
  };
  await expect(apply.settle(interrupted.signal)).rejects.toMatchObject({ name: 'AbortError' });
  await receive(1, 12);
  await apply.settle(signal);
  expect([worker.runs, worker.taken]).toEqual([1, [1, 2, 1]]);
});
