import type { Dataset } from '@rivulet/datasets';
import { Registry } from 'prom-client';
import type { ChangeDetection } from '../source/change-detection/change-detection';
import { ValueVersions } from '../source/change-detection/change-log/value-versions';
import { Versions } from '../source/change-detection/change-log/versions';
import type { KnownScope } from '../source/scope/scope.service';
import type { BoundDataset } from './bound-dataset';
import type { Snapshot } from './snapshot';
import {
  PARTLY_READ_BYTES,
  REDATED_AFTER_FOLDS,
  type CachedSnapshot,
  type FoundSnapshot,
  type ReadDataset,
  type SnapshotCache,
} from './snapshot-cache';
import { SnapshotCurrency } from './snapshot-currency';
import { SnapshotsMetrics } from './snapshots.metrics';

const POLL_INTERVAL_MS = 60_000;

const watched = { cacheKey: 'watched', relations: ['1'], polled: false } as BoundDataset;
const polled = { cacheKey: 'polled', relations: ['1'], polled: true } as BoundDataset;
const [before, after] = [new Versions({ '1': 'a' }), new Versions({ '1': 'b' })];

/** The snapshots in central's database, by cache key, whatever the versions. */
class FakeCache implements Pick<SnapshotCache, 'find' | 'put'> {
  readonly entries = new Map<string, CachedSnapshot>();
  readonly entered: string[] = [];

  find(bound: BoundDataset[]): Promise<FoundSnapshot[]> {
    return Promise.resolve(
      bound.map(({ cacheKey }) => ({
        snapshot: this.entries.get(cacheKey),
        lastBytes: 1_000,
        base: undefined,
      })),
    );
  }

  put(read: ReadDataset[]): Promise<void> {
    this.entered.push(...read.map(({ bound }) => bound.cacheKey));
    return Promise.resolve();
  }
}

let cache: FakeCache;
let currency: SnapshotCurrency;
let nowMs: number;
let changes: { pollIntervalMs: number; state: string };

beforeEach(() => {
  cache = new FakeCache();
  changes = { pollIntervalMs: POLL_INTERVAL_MS, state: 'first' };
  currency = new SnapshotCurrency(
    cache as unknown as SnapshotCache,
    changes as ChangeDetection,
    new SnapshotsMetrics(new Registry()),
  );
  nowMs = 1_000;
  jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
});

afterEach(() => jest.restoreAllMocks());

function scopeOf(id: string, versions = before): KnownScope {
  return { id, versions } as KnownScope;
}

function atFold(fold: number): Versions {
  return new Versions({ '1': 'a' }, undefined, `${fold}.9`);
}

function snapshotOf(snapshotId: number, ageMs = 0): CachedSnapshot {
  return { snapshotId, ageMs } as CachedSnapshot;
}

function values(value: number, version: bigint): ValueVersions {
  return ValueVersions.none.with([
    { relation: '2', value: 0, version: 5n },
    { relation: '2', value, version },
  ]);
}

const dataset = { schema: { name: 'stock' } } as Dataset;
const snapshots: Snapshot[] = [{ dataset, snapshotId: 1, rows: 1, bytes: 10, checksum: 'c', wireBytes: 20 }];

describe('what is confirmed for a scope', () => {
  it('is not known when a definition has changed since it was read', () => {
    currency.confirm(
      scopeOf('a'),
      [watched],
      { snapshots, versions: before, remainingMs: Infinity },
      'first',
    );
    changes.state = 'second';
    expect(currency.current(scopeOf('a'))).toBeUndefined();
  });

  it('is current for equal values and equal versions, whichever objects have them', () => {
    currency.confirm(
      scopeOf('a'),
      [watched],
      { snapshots, versions: before, remainingMs: Infinity },
      'first',
    );
    expect(currency.current(scopeOf('a', new Versions({ '1': 'a' })))).toEqual(snapshots);
  });

  it('is kept once for all scopes that have it', () => {
    const confirmed = ['a', 'b'].map((id) => {
      const copies = snapshots.map((snapshot) => ({ ...snapshot }));
      const set = { snapshots: copies, versions: before, remainingMs: Infinity };
      currency.confirm(scopeOf(id), [watched], set, 'first');
      return currency.current(scopeOf(id))!;
    });
    expect(confirmed).toEqual([snapshots, snapshots]);
    expect(confirmed[0]![0]).toBe(confirmed[1]![0]);
  });

  it('is looked up again after many changes of others, where it is so large that a part of it may be read', () => {
    const found = [{ ...snapshots[0]!, bytes: PARTLY_READ_BYTES }];
    const ask = (fold: number) => currency.current(scopeOf('a', atFold(fold)));
    currency.confirm(
      scopeOf('a'),
      [watched],
      { snapshots: found, versions: atFold(5), remainingMs: Infinity },
      'first',
    );
    expect([ask(5), ask(4 + REDATED_AFTER_FOLDS), ask(5 + REDATED_AFTER_FOLDS)]).toEqual([
      found,
      found,
      undefined,
    ]);
    const small = [{ ...snapshots[0]!, snapshotId: 2, bytes: PARTLY_READ_BYTES - 1 }];
    currency.confirm(
      scopeOf('a'),
      [watched],
      { snapshots: small, versions: atFold(5), remainingMs: Infinity },
      'first',
    );
    expect(ask(5 + REDATED_AFTER_FOLDS)).toEqual(small);
  });

  it('is nothing for another scope, or other versions', () => {
    currency.confirm(
      scopeOf('a'),
      [watched],
      { snapshots, versions: before, remainingMs: Infinity },
      'first',
    );
    expect(currency.current(scopeOf('b'))).toBeUndefined();
    expect(currency.current(scopeOf('a', after))).toBeUndefined();
  });

  it('is current while others have changed than those that its rows depend on', () => {
    const bound = [{ ...watched, relations: ['1', '2:0', '2:7'] }];
    const at = (tables: Record<string, string>, changed: ValueVersions): KnownScope =>
      scopeOf('a', new Versions(tables, changed, Math.random().toString()));
    const read = {
      snapshots,
      versions: at({ '1': 'a', '2': 'a' }, values(7, 1n)).versions,
      remainingMs: Infinity,
    };
    currency.confirm(scopeOf('a'), bound, read, 'first');
    const [same, others] = [values(7, 1n), values(7, 1n).with([{ relation: '2', value: 8, version: 9n }])];
    expect(currency.current(at({ '1': 'a', '2': 'b' }, same))).toEqual(snapshots);
    expect(currency.current(at({ '1': 'a', '2': 'b' }, others))).toEqual(snapshots);
    expect(currency.current(at({ '1': 'b', '2': 'b' }, same))).toBeUndefined();
    expect(currency.current(at({ '1': 'a', '2': 'b' }, values(7, 2n)))).toBeUndefined();
    expect(
      currency.current(at({ '1': 'a', '2': 'b' }, same.with([{ relation: '2', value: 0, version: 6n }]))),
    ).toBeUndefined();
  });

  it('is current for as long as polled rows in it may be used', () => {
    currency.confirm(scopeOf('a'), [watched], { snapshots, versions: before, remainingMs: 500 }, 'first');
    nowMs += 499;
    expect(currency.current(scopeOf('a'))).toEqual(snapshots);
    nowMs += 1;
    expect(currency.current(scopeOf('a'))).toBeUndefined();
  });

  it('is not remembered of a moment that no versions stand for, nor when it is to be forgotten', () => {
    currency.confirm(
      scopeOf('a'),
      [watched],
      { snapshots, versions: undefined, remainingMs: Infinity },
      'first',
    );
    expect(currency.current(scopeOf('a'))).toBeUndefined();
    currency.confirm(
      scopeOf('a'),
      [watched],
      { snapshots, versions: before, remainingMs: Infinity },
      'first',
    );
    currency.forget(scopeOf('a'));
    expect(currency.current(scopeOf('a'))).toBeUndefined();
  });

  it('takes bounded memory', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => snapshotOf(index));
    for (let index = 0; index < 1_000; index++) {
      currency.confirm(
        scopeOf(`${index}`),
        [watched],
        { snapshots: many, versions: before, remainingMs: Infinity },
        'first',
      );
    }
    expect(currency.current(scopeOf('0'))).toBeUndefined();
    expect(currency.current(scopeOf('999'))).toHaveLength(many.length);
  });
});

describe('what has been read before', () => {
  it('is a set when it is all of it, usable as long as its oldest polled rows', async () => {
    cache.entries.set('watched', snapshotOf(1, 1e9)).set('polled', snapshotOf(2, 45_000));
    expect(await currency.lookUp([watched, polled], before)).toMatchObject({
      kind: 'current',
      set: { snapshots: [{ snapshotId: 1 }, { snapshotId: 2 }], versions: before, remainingMs: 15_000 },
    });
    expect(await currency.lookUp([watched], before)).toMatchObject({ set: { remainingMs: Infinity } });
  });

  it('is told from what must be read', async () => {
    cache.entries.set('watched', snapshotOf(1));
    expect(await currency.lookUp([watched, polled], before)).toEqual({
      kind: 'stale',
      stale: [polled],
      staleBytes: 1_000,
      found: [snapshotOf(1), undefined],
      bases: new Map(),
    });
  });

  it('is completed by what has now been read, and only that is entered for others', async () => {
    const found = [snapshotOf(1, 1e9), undefined];
    const beganMs = performance.now();
    const now = jest.spyOn(performance, 'now').mockReturnValue(beganMs + 400);
    await currency.enter([{ bound: polled, snapshot: snapshotOf(2) }], before, beganMs);
    const set = currency.complete([watched, polled], [snapshotOf(1), snapshotOf(2)], before, found, beganMs);
    now.mockRestore();
    // From when the reading began, as the rows are of then.
    expect(set).toMatchObject({ versions: before, remainingMs: POLL_INTERVAL_MS - 400 });
    expect(cache.entered).toEqual(['polled']);
  });

  it('is used once only when its tables have no versions any more', () => {
    const set = currency.complete([watched], snapshots, Versions.none, [], performance.now());
    expect(set.remainingMs).toBe(0);
  });
});
