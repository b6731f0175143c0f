import { Logger } from '@nestjs/common';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { Registry } from 'prom-client';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DataSource } from 'typeorm';
import { withDatabaseLease } from '../state/database-lease';
import type { SyncCycle } from './cycle/sync-cycle';
import type { SyncResult, TableResult } from '../state/sync-result';
import { syncResult } from '../../test/sync-result-fixture';
import { AnswerRefusals } from './answer-refusals';
import { SyncMetrics } from './sync.metrics';
import { SyncService } from './sync.service';

let database: TestDatabase;
let source: DataSource;
let run: jest.MockedFunction<SyncCycle['run']>;
let service: SyncService;

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createTestDatabase();
  source = await new DataSource({ type: 'postgres', url: database.url, poolSize: 3 }).initialize();
});
afterAll(async () => {
  await source.destroy();
  await database.drop();
});
beforeEach(() => {
  run = jest.fn();
  const registry = new Registry();
  service = new SyncService(
    source,
    { run } as unknown as SyncCycle,
    new SyncMetrics(registry),
    new AnswerRefusals(registry),
  );
});
afterEach(() => jest.restoreAllMocks());

function current(cycleId: string): SyncResult {
  return syncResult({ cycleId, status: 'current' });
}

function failed(code: ErrorCode): SyncResult {
  return { ...current('1'), status: 'failed', error: { code, message: 'It failed.', nextStep: 'Wait.' } };
}

/** A cycle that begins, and ends when it is told to. */
function slowCycle(): { begun: Promise<AbortSignal>; finish: (result: SyncResult) => void } {
  let begin!: (signal: AbortSignal) => void;
  let finish!: (result: SyncResult) => void;
  const begun = new Promise<AbortSignal>((resolve) => (begin = resolve));
  const finished = new Promise<SyncResult>((resolve) => (finish = resolve));
  run.mockImplementationOnce((_trigger, _lease, _progress, signal) => {
    begin(signal);
    return finished;
  });
  return { begun, finish };
}

describe('calls for a sync', () => {
  it('join the cycle that is running, and get its result', async () => {
    const cycle = slowCycle();
    const first = service.sync('schedule');
    await cycle.begun;
    const others = [service.sync('operator'), service.sync('operator')];
    expect(service.progress).toMatchObject({ phase: 'requesting' });
    const result = current('1');
    cycle.finish(result);

    expect(await Promise.all([first, ...others])).toEqual([result, result, result]);
    expect(run).toHaveBeenCalledTimes(1);
    expect(service.progress).toBeUndefined();
    expect(service.lastResult).toBe(result);
  });

  it('at the very same time are one cycle', async () => {
    run.mockResolvedValue(current('1'));
    await Promise.all(['start', 'schedule', 'operator'].map((trigger) => service.sync(trigger as 'start')));

    expect(run).toHaveBeenCalledTimes(1);
  });

  it('run a new cycle when none is running any more', async () => {
    run.mockResolvedValueOnce(current('1')).mockResolvedValueOnce(current('2'));

    expect(await service.sync('operator')).toMatchObject({ cycleId: '1' });
    expect(await service.sync('operator')).toMatchObject({ cycleId: '2' });
  });

  it('fail together when the cycle does, and the next one runs', async () => {
    run.mockRejectedValueOnce(new Error('no log')).mockResolvedValueOnce(current('2'));
    const calls = await Promise.allSettled([service.sync('operator'), service.sync('operator')]);

    expect(calls.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await service.sync('operator')).toMatchObject({ cycleId: '2' });
  });

  it('are refused while another process syncs this database', async () => {
    await withDatabaseLease(source, async () => {
      await expect(service.sync('operator')).rejects.toMatchObject({ code: 'SYNC_IN_PROGRESS' });
    });

    expect(run).not.toHaveBeenCalled();
  });
});

describe('a repair', () => {
  it('waits for the cycle that is running, prepares under the lease, and is a cycle that others join', async () => {
    const order: string[] = [];
    const cycle = slowCycle();
    const first = service.sync('schedule').then(() => order.push('the first has ended'));
    await cycle.begun;
    const second = slowCycle();
    const repair = service.repair(async () => {
      await expect(withDatabaseLease(source, () => Promise.resolve())).rejects.toMatchObject({
        code: 'SYNC_IN_PROGRESS',
      });
      order.push('prepared');
    });
    cycle.finish(current('1'));
    await first;
    await second.begun;
    const joined = service.sync('operator');
    second.finish(current('2'));

    expect((await Promise.all([repair, joined])).map(({ cycleId }) => cycleId)).toEqual(['2', '2']);
    expect(order).toEqual(['the first has ended', 'prepared']);
    expect(run.mock.calls.map(([{ trigger }]) => trigger)).toEqual(['schedule', 'repair']);
  });

  it('runs no cycle when it cannot be prepared, nor in a shutdown', async () => {
    await expect(service.repair(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    service.onModuleDestroy();
    await expect(service.repair(() => Promise.resolve())).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });

    expect(run).not.toHaveBeenCalled();
    expect(service.progress).toBeUndefined();
  });
});

describe('a sync that may delete any number of rows', () => {
  it('joins none that may not, and is joined itself', async () => {
    const [first, second] = [slowCycle(), slowCycle()];
    const running = service.sync('schedule');
    await first.begun;
    const confirmed = [service.syncUnguarded()];
    first.finish(current('1'));
    await running;
    await second.begun;
    confirmed.push(service.sync('operator'));
    second.finish(current('2'));

    expect((await Promise.all(confirmed)).map(({ cycleId }) => cycleId)).toEqual(['2', '2']);
    expect(run.mock.calls.map(([{ confirmDeletes }]) => confirmDeletes)).toEqual([false, true]);
  });

  it('comes after another of its kind, not at the same time', async () => {
    const [first, second] = [slowCycle(), slowCycle()];
    const both = [service.syncUnguarded(), service.syncUnguarded()];
    await first.begun;
    first.finish(current('1'));
    await second.begun;
    second.finish(current('2'));

    expect((await Promise.all(both)).map(({ cycleId }) => cycleId)).toEqual(['1', '2']);
  });
});

describe('a shutdown', () => {
  it('aborts the cycle and waits until it has ended', async () => {
    const order: string[] = [];
    const cycle = slowCycle();
    const running = service.sync('operator').then(() => order.push('the cycle has ended'));
    const signal = await cycle.begun;
    signal.addEventListener('abort', () => order.push('the cycle is aborted'));

    service.onModuleDestroy();
    const closing = service.beforeApplicationShutdown().then(() => order.push('the database may close'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(order).toEqual(['the cycle is aborted']);
    expect(signal.reason).toMatchObject({ code: 'SHUTTING_DOWN' });

    cycle.finish(failed('SHUTTING_DOWN'));
    await Promise.all([running, closing]);
    expect(order.toSorted()).toEqual([
      'the cycle has ended',
      'the cycle is aborted',
      'the database may close',
    ]);
  });

  it('does not wait where nothing runs, and refuses what comes later', async () => {
    service.onModuleDestroy();
    await service.beforeApplicationShutdown();

    await expect(service.sync('operator')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(run).not.toHaveBeenCalled();
  });

  it('does not fail because the cycle did', async () => {
    run.mockRejectedValueOnce(new RivuletError('DATABASE_UNAVAILABLE', 'It is gone.'));
    const running = service.sync('operator');
    service.onModuleDestroy();

    await expect(service.beforeApplicationShutdown()).resolves.toBeUndefined();
    await expect(running).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });
});

describe('the log', () => {
  it.each([
    [[1], 'Applied and verified 1 changed row in 1 table'],
    [[3, 0], 'Applied and verified 3 changed rows in 2 tables'],
  ])('counts what changed in tables with %j changed rows', async (rowsChanged, message) => {
    const log = jest.spyOn(Logger.prototype, 'log');
    const tables = rowsChanged.map((rows) => ({ action: 'patched', rowsChanged: rows }) as TableResult);
    run.mockResolvedValueOnce({ ...current('1'), status: 'applied', tables });
    await service.sync('schedule');

    expect(log).toHaveBeenCalledWith(expect.objectContaining({ status: 'applied' }), message);
  });

  it.each<[ErrorCode, 'warn' | 'error']>([
    ['CENTRAL_UNREACHABLE', 'warn'],
    ['SERVER_BUSY', 'warn'],
    ['DATABASE_UNAVAILABLE', 'warn'],
    ['MIRROR_BUSY', 'warn'],
    ['SHUTTING_DOWN', 'warn'],
    ['CHECKSUM_MISMATCH', 'error'],
    ['MANIFEST_STALE', 'error'],
    ['DEVICE_UNKNOWN', 'error'],
    ['DISK_FULL', 'error'],
  ])('has a cycle that failed with %s at %s', async (code, level) => {
    const spies = {
      warn: jest.spyOn(Logger.prototype, 'warn'),
      error: jest.spyOn(Logger.prototype, 'error'),
    };
    run.mockResolvedValueOnce(failed(code));
    await service.sync('schedule');

    expect(spies[level]).toHaveBeenCalledWith(expect.objectContaining({ code }), 'Failed: It failed. Wait.');
    expect(spies[level === 'warn' ? 'error' : 'warn']).not.toHaveBeenCalled();
  });
});
