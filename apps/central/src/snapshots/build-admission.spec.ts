import { DatabaseError } from 'pg';
import { Registry } from 'prom-client';
import type { BoundDataset } from './bound-dataset';
import { BuildAdmission } from './build-admission';
import type { SnapshotLocks } from './snapshot-locks';
import { SnapshotsEnv } from './snapshots.env';
import { SnapshotsMetrics } from './snapshots.metrics';

/** Grants every lock, and remembers which. */
class FakeLocks implements Pick<SnapshotLocks, 'whileBuilding'> {
  readonly asked: string[][] = [];

  async whileBuilding<T>(cacheKeys: string[], work: () => Promise<T>): Promise<T> {
    this.asked.push(cacheKeys);
    return work();
  }
}

function admissionOf(
  maxSnapshotBuilds: number,
  locks: Pick<SnapshotLocks, 'whileBuilding'> = new FakeLocks(),
) {
  const env = Object.assign(new SnapshotsEnv(), { maxSnapshotBuilds });
  return new BuildAdmission(env, locks as SnapshotLocks, new SnapshotsMetrics(new Registry()));
}

const datasets = [{ cacheKey: 'a' }, { cacheKey: 'b' }] as BoundDataset[];

/** Work that goes on until it is told how it ends. */
function openWork(): {
  work: () => Promise<string>;
  end: (result: string) => void;
  fail: (error: Error) => void;
} {
  let end!: (result: string) => void;
  let fail!: (error: Error) => void;
  const ended = new Promise<string>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  return { work: () => ended, end, fail };
}

it('lets in as many as is allowed, and tells the next to retry after 2 to 9 seconds', async () => {
  const admission = admissionOf(2);
  const [first, second] = [openWork(), openWork()];
  const results = [admission.admit(datasets, first.work), admission.admit(datasets, second.work)];
  const refused: unknown = await admission
    .admit(datasets, () => Promise.resolve('third'))
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: 'SERVER_BUSY',
    message: 'Central is already reading the data of 2 scopes.',
  });
  const { retryAfterSeconds } = refused as { retryAfterSeconds: number };
  expect(retryAfterSeconds).toBeGreaterThanOrEqual(2);
  expect(retryAfterSeconds).toBeLessThan(10);
  first.end('first');
  second.end('second');
  expect(await Promise.all(results)).toEqual(['first', 'second']);
});

it('lets the next in when one has ended, or failed', async () => {
  const admission = admissionOf(1);
  const first = openWork();
  const failing = admission.admit(datasets, first.work);
  first.fail(new Error('the disk is full'));
  await expect(failing).rejects.toThrow('the disk is full');
  expect(await admission.admit(datasets, () => Promise.resolve('second'))).toBe('second');
});

it('takes the locks of what is to be read', async () => {
  const locks = new FakeLocks();
  await admissionOf(1, locks).admit(datasets, () => Promise.resolve());
  expect(locks.asked).toEqual([['a', 'b']]);
});

it('tells a device to retry when another process reads the same for too long', async () => {
  const timedOut = new DatabaseError('canceling statement due to lock timeout', 0, 'error');
  timedOut.severity = 'ERROR';
  timedOut.code = '55P03';
  const admission = admissionOf(1, { whileBuilding: () => Promise.reject(timedOut) });
  await expect(admission.admit(datasets, () => Promise.resolve())).rejects.toMatchObject({
    code: 'SERVER_BUSY',
    message: 'Another central is reading the same data.',
  });
});
