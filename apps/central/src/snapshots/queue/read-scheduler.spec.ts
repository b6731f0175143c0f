import type { Dataset } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import { DatabaseError } from 'pg';
import { Registry } from 'prom-client';
import type { BoundDataset } from '../bound-dataset';
import { ReadFailure } from '../reading/read-failure';
import type { ReadOrder, ReadOutcome, SnapshotReader } from '../reading/snapshot-reader';
import type { SnapshotLocks } from '../snapshot-locks';
import { SnapshotsEnv } from '../snapshots.env';
import { SnapshotsMetrics } from '../snapshots.metrics';
import { ReadScheduler, type ReadRequest } from './read-scheduler';

const MiB = 1024 * 1024;

const [stock, staff] = ['stock', 'staff'].map((name) => ({ schema: { name } }) as Dataset) as [
  Dataset,
  Dataset,
];

/** Reads nothing, and says what it was asked to read together. */
class FakeReader implements Pick<SnapshotReader, 'read'> {
  readonly batches: string[][] = [];
  /** Fails the batches for which it returns an error. */
  failure: (scopes: string[], batch: number) => unknown = () => undefined;
  private ends: (() => void)[] = [];
  private isOpen = true;

  async read(orders: ReadOrder[]): Promise<ReadOutcome[]> {
    const scopes = orders.map(({ bound }) => bound[0]!.cacheKey);
    const batch = this.batches.push(scopes);
    if (!this.isOpen) await new Promise<void>((resolve) => this.ends.push(resolve));
    const error = this.failure(scopes, batch);
    if (error !== undefined) throw error;
    return orders.map(() => ({ kind: 'read', set: { snapshots: [], versions: undefined, remainingMs: 0 } }));
  }

  /** Readings go on until they are told to end. */
  hold(): void {
    this.isOpen = false;
  }

  endAll(): void {
    this.isOpen = true;
    for (const end of this.ends.splice(0)) end();
  }

  endFirst(): void {
    this.ends.shift()!();
  }
}

/** Grants every lock, but for those that another process has. */
class FakeLocks implements Pick<SnapshotLocks, 'whileBuilding'> {
  taken = new Set<string>();

  async whileBuilding<T>(scopes: string[][], work: (isFree: boolean[]) => Promise<T>): Promise<T> {
    return work(scopes.map((keys) => scopes.length === 1 || !keys.some((key) => this.taken.has(key))));
  }
}

let reader: FakeReader;
let locks: FakeLocks;
let scheduler: ReadScheduler;

function start(maxSnapshotBuilds: number): void {
  reader = new FakeReader();
  locks = new FakeLocks();
  const env = Object.assign(new SnapshotsEnv(), { maxSnapshotBuilds });
  scheduler = new ReadScheduler(
    env,
    locks as unknown as SnapshotLocks,
    reader as unknown as SnapshotReader,
    new SnapshotsMetrics(new Registry()),
  );
}

beforeEach(() => {
  // However slow the machine is, what is read took no time.
  jest.spyOn(performance, 'now').mockReturnValue(1_000);
  start(1);
});

afterEach(() => jest.restoreAllMocks());

function read(name: string, request: Partial<ReadRequest> = {}): Promise<ReadOutcome> {
  const bound = [{ cacheKey: name, dataset: stock } as BoundDataset];
  const defaults = { key: name, bound, stale: bound, staleBytes: 1_000, acceptsUnsettled: false };
  return scheduler.read({ ...defaults, isWanted: () => true, ...request });
}

async function settled(reads: Promise<ReadOutcome>[]): Promise<string[]> {
  const results = await Promise.allSettled(reads);
  return results.map((one) =>
    one.status === 'fulfilled' ? one.value.kind : (one.reason as RivuletError).code,
  );
}

function names(count: number, prefix = 's'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

function sizes(): number[] {
  return reader.batches.map((batch) => batch.length);
}

function failureOf(
  code: 'DATASET_QUERY_FAILED' | 'SERVER_BUSY',
  sqlState: string,
  dataset = stock,
): ReadFailure {
  const cause = new DatabaseError('refused', 0, 'error');
  Object.assign(cause, { severity: 'ERROR', code: sqlState });
  return new ReadFailure(dataset, new RivuletError(code, 'refused', { cause }));
}

describe('scopes that wait', () => {
  it('are read together, 200 at most, in the order in which they came', async () => {
    const all = names(450);
    expect(await settled(all.map((name) => read(name)))).toEqual(all.map(() => 'read'));
    expect(sizes()).toEqual([1, 200, 200, 49]);
    expect(reader.batches.flat()).toEqual(all);
  });

  it('are no more than 8 MiB together, as far as is known, nor more than 256 datasets', async () => {
    const large = names(5).map((name) => read(name, { staleBytes: 3 * MiB }));
    await settled(large);
    expect(sizes()).toEqual([1, 2, 2]);
    start(1);
    const many = names(100, 'd').map((cacheKey) => ({ cacheKey, dataset: stock }) as BoundDataset);
    await settled(
      names(4).map((name) =>
        read(name, { stale: many.map((one) => ({ ...one, cacheKey: name + one.cacheKey })) }),
      ),
    );
    expect(sizes()).toEqual([1, 2, 1]);
    start(1);
    await settled(names(4).map((name) => read(name, { stale: many })));
    expect(sizes()).toEqual([1, 3]);
  });

  it('are not read when nobody waits for them any more', async () => {
    reader.hold();
    const first = read('first');
    const gone = settled([read('gone', { isWanted: () => false })]);
    const last = read('last');
    reader.endAll();
    await Promise.all([first, last]);
    expect(await gone).toEqual(['SERVER_BUSY']);
    expect(reader.batches).toEqual([['first'], ['last']]);
  });

  it('are told SHUTTING_DOWN when central stops, and what is being read is finished', async () => {
    reader.hold();
    const [first, second] = [read('first'), settled([read('second')])];
    scheduler.onModuleDestroy();
    expect(await second).toEqual(['SHUTTING_DOWN']);
    reader.endAll();
    await expect(first).resolves.toMatchObject({ kind: 'read' });
    expect(await settled([read('third')])).toEqual(['SHUTTING_DOWN']);
  });
});

describe('large scopes', () => {
  const large = { staleBytes: 9 * MiB };

  it('are read alone, and one transaction is kept for the others', async () => {
    start(3);
    reader.hold();
    const reads = [
      ...names(4, 'large').map((name) => read(name, large)),
      ...names(3).map((name) => read(name)),
    ];
    expect(reader.batches).toEqual([['large0'], ['large1'], ['s0']]);
    reader.endAll();
    expect(await settled(reads)).toEqual(reads.map(() => 'read'));
    expect(new Set(reader.batches.slice(3))).toEqual(new Set([['large2'], ['large3'], ['s1', 's2']]));
  });

  it('take turns with the others where there is one transaction', async () => {
    reader.hold();
    const reads = [read('first'), ...names(3, 'large').map((name) => read(name, large))];
    reads.push(...names(3).map((name) => read(name)));
    reader.endAll();
    await settled(reads);
    expect(reader.batches).toEqual([['first'], ['large0'], ['s0', 's1', 's2'], ['large1'], ['large2']]);
  });
});

describe('when a batch fails', () => {
  it('for one scope, each is read alone, that one fails alone, and is then read alone for a while', async () => {
    reader.failure = (scopes) =>
      scopes.includes('s2') ? failureOf('DATASET_QUERY_FAILED', '22012') : undefined;
    const reads = [read('first'), ...names(4).map((name) => read(name))];
    expect(await settled(reads)).toEqual(['read', 'read', 'read', 'DATASET_QUERY_FAILED', 'read']);
    expect(reader.batches.slice(1)).toEqual([['s0', 's1', 's2', 's3'], ['s0'], ['s1'], ['s2'], ['s3']]);
    reader.batches.length = 0;
    await settled([read('first'), ...names(4).map((name) => read(name))]);
    expect(sizes().toSorted((a, b) => a - b)).toEqual([1, 1, 3]);
  });

  it('for a lost connection, it is read once more, and no more', async () => {
    const lost = new Error('Connection terminated unexpectedly');
    reader.failure = (_, batch) => (batch === 2 ? lost : undefined);
    expect(await settled([read('first'), read('a'), read('b')])).toEqual(['read', 'read', 'read']);
    expect(reader.batches).toEqual([['first'], ['a', 'b'], ['a', 'b']]);
    const away = new RivuletError('SOURCE_UNAVAILABLE', 'away');
    reader.failure = (_, batch) => (batch > 4 ? away : undefined);
    expect(await settled([read('first'), read('a'), read('b')])).toEqual([
      'read',
      'SOURCE_UNAVAILABLE',
      'SOURCE_UNAVAILABLE',
    ]);
    expect(reader.batches.slice(3)).toEqual([['first'], ['a', 'b'], ['a', 'b']]);
    expect(await settled([read('first')])).toEqual(['SOURCE_UNAVAILABLE']);
    expect(reader.batches.slice(6)).toEqual([['first'], ['first']]);
  });

  it('for the lock on a table, only those fail that need it', async () => {
    const bound = [{ cacheKey: 'other', dataset: staff } as BoundDataset];
    reader.failure = (scopes) => (scopes.includes('a') ? failureOf('SERVER_BUSY', '55P03') : undefined);
    const reads = [read('first'), read('a'), read('other', { bound, stale: bound })];
    expect(await settled(reads)).toEqual(['read', 'SERVER_BUSY', 'read']);
  });
});

it('what another process reads is waited for alone, and the rest of the batch is read at once', async () => {
  locks.taken.add('b');
  expect(await settled([read('first'), read('a'), read('b'), read('c')])).toEqual(names(4).map(() => 'read'));
  expect(reader.batches).toEqual([['first'], ['a', 'c'], ['b']]);
});

describe('SERVER_BUSY', () => {
  beforeEach(() => {
    jest.restoreAllMocks();
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  });
  afterEach(() => jest.useRealTimers());

  it('is told to who has waited for 25 seconds, with a time by which as many can be read', async () => {
    await settled(names(100, 'earlier').map((name) => read(name)));
    reader.hold();
    const first = read('first');
    const waiting = names(40).map((name) => read(name).catch((error: unknown) => error as RivuletError));
    await jest.advanceTimersByTimeAsync(24_900);
    const late = read('late');
    await jest.advanceTimersByTimeAsync(700);
    for (const one of waiting) {
      const refused = (await one) as RivuletError;
      expect(refused).toMatchObject({ code: 'SERVER_BUSY' });
      expect(refused.retryAfterSeconds).toBeGreaterThanOrEqual(2);
      expect(refused.retryAfterSeconds).toBeLessThanOrEqual(60);
    }
    reader.endAll();
    expect(await settled([first, late])).toEqual(['read', 'read']);
  });

  it('is told at once when 10,000 wait', async () => {
    reader.hold();
    const first = read('first');
    const waiting = settled(names(10_000).map((name) => read(name)));
    expect(await settled([read('one too many')])).toEqual(['SERVER_BUSY']);
    reader.endAll();
    await first;
    expect(new Set(await waiting)).toEqual(new Set(['read']));
  });

  it('is told of a scope that another process reads for too long', async () => {
    const timedOut = Object.assign(new DatabaseError('lock timeout', 0, 'error'), {
      severity: 'ERROR',
      code: '55P03',
    });
    jest.spyOn(locks, 'whileBuilding').mockRejectedValue(timedOut);
    await expect(read('first')).rejects.toThrow('Another central is reading the same data.');
  });
});
