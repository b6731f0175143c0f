import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { RivuletError } from '@rivulet/errors';
import { numberedTexts } from '@rivulet/testing';
import type { PoolClient } from 'pg';
import { setUpSyncCycles } from '../../../test/sync-cycle-fixture';
import { initialProgress } from '../../state/sync-progress';

const edge = setUpSyncCycles();

/** Several chunks of them. */
function longNames(suffix: string): string[] {
  return Array.from({ length: 200 }, (_, index) => `${index} `.repeat(2_000) + suffix);
}

/** kill -9 would end all sessions; this ends one just as finally. */
async function endSession(): Promise<void> {
  const { processID } = edge.lease.client as PoolClient & { processID: number };
  await edge.database.pool.query('SELECT pg_terminate_backend($1, 5000)', [processID]);
}

/** A cycle that stops while it reads rows breaks its connection off, which PostgreSQL notices a moment later. */
async function lockReleased(): Promise<void> {
  for (;;) {
    const { rowCount } = await edge.database.pool.query(
      `SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
       WHERE locktype = 'advisory' AND datname = current_database()`,
    );
    if (rowCount === 0) return;
    await delay(10);
  }
}

const unreachable = new RivuletError('CENTRAL_UNREACHABLE', 'The connection was reset.');

beforeEach(async () => {
  edge.hub.datasets = [numberedTexts('names', longNames('I'))];
  await edge.sync();
  edge.hub.datasets = [numberedTexts('names', longNames('II'))];
});

/** Does something before the first call of the method, which then goes on. */
function strikeBefore<T extends object>(subject: T, method: keyof T, strike: () => Promise<void>): void {
  const target = subject as Record<keyof T, (...args: unknown[]) => Promise<unknown>>;
  const original = target[method].bind(subject);
  jest.spyOn(target, method as never).mockImplementationOnce((async (...args: unknown[]) => {
    await strike();
    return original(...args);
  }) as never);
}

describe('a download', () => {
  it('that breaks off is resumed in the same cycle', async () => {
    const frames = edge.hub.frames.bind(edge.hub);
    jest.spyOn(edge.hub, 'frames').mockImplementationOnce(async function* (manifestId, ranges) {
      for await (const batch of frames(manifestId, ranges)) {
        if (batch[0]!.header.number === 3) throw unreachable;
        yield batch;
      }
    });

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(edge.hub.fetches.slice(1).map(([range]) => range!.first)).toEqual([0, 3]);
    expect(edge.warnings).toEqual(['CENTRAL_UNREACHABLE Attempt 1 failed, retrying']);
  });

  it('is left to the next cycle when central stays away, which continues where it stopped', async () => {
    const frames = edge.hub.frames.bind(edge.hub);
    jest.spyOn(edge.hub, 'frames').mockImplementation(async function* (manifestId, ranges) {
      const { value } = await frames(manifestId, ranges).next();
      if (value) yield value;
      throw unreachable;
    });
    const before = await edge.everything('names');
    const failed = await edge.sync();
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'CENTRAL_UNREACHABLE' } });
    expect(await edge.everything('names')).toEqual(before);
    jest.restoreAllMocks();

    const resumed = await edge.sync();

    expect(resumed.status).toBe('applied');
    expect(edge.hub.fetches.at(-1)![0]!.first).toBe(3);
    expect(failed.wireBytes).toBeGreaterThan(0);
  });

  it('that was damaged on the disk since is fetched again, the damaged chunk alone, before a mirror is touched', async () => {
    jest.spyOn(edge.state, 'recordApplied').mockRejectedValueOnce(new RivuletError('MIRROR_BUSY', 'Later.'));
    const failed = await edge.sync();
    const bytes = await readFile(edge.spoolPath);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    await writeFile(edge.spoolPath, bytes);

    const result = await edge.sync();

    expect(result).toMatchObject({ status: 'applied' });
    const [range, ...others] = edge.hub.fetches.at(-1)!;
    expect(others).toEqual([]);
    expect(range!.last).toBe(range!.first);
    expect(result.wireBytes).toBeLessThan(failed.wireBytes / 2);
  });

  it('for which the disk has no room changes nothing', async () => {
    jest.spyOn(edge.spool, 'append').mockRejectedValueOnce(new RivuletError('DISK_FULL', 'It became full.'));
    const before = await edge.everything('names');

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'DISK_FULL' } });
    expect(await edge.everything('names')).toEqual(before);
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('during which a later manifest was applied is stale, and changes nothing', async () => {
    strikeBefore(edge.spool, 'append', async () => {
      await edge.database.pool.query('UPDATE rivulet.edge_sync_state SET sequence = 1000');
    });

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'MANIFEST_STALE' } });

    expect(await edge.state.read()).toMatchObject({ sequence: 1_000 });
    expect(await edge.countApplied()).toBe(1);
  });
});

describe('a database session that ends', () => {
  it.each([
    ['while rows are written', () => strikeBefore(edge.spool, 'read', endSession)],
    ['before the commit', () => strikeBefore(edge.state, 'recordApplied', endSession)],
  ])('%s leaves the old rows, and the next cycle succeeds', async (_, strike) => {
    const before = await edge.everything('names');
    strike();

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'DATABASE_UNAVAILABLE' } });

    expect(await edge.everything('names')).toEqual(before);
    expect(await edge.sync()).toMatchObject({ status: 'applied', acknowledged: true, wireBytes: 0 });
    expect(await edge.countApplied()).toBe(2);
  });

  it('after the commit and before its answer has applied the manifest, and central is told so', async () => {
    strikeBefore(edge.state, 'recordApplied', async () => {
      const client = edge.lease.client as unknown as Record<
        'query',
        (...args: unknown[]) => Promise<unknown>
      >;
      const query = client.query.bind(client);
      jest.spyOn(client, 'query').mockImplementation(async (...args) => {
        const answer = await query(...args);
        if (args[0] === 'COMMIT') throw new Error('Connection terminated unexpectedly');
        return answer;
      });
    });

    expect(await edge.sync()).toMatchObject({ status: 'applied', acknowledged: true });

    expect(edge.hub.acknowledgements.map(({ status }) => status)).toEqual(['applied', 'applied']);
    expect(await edge.countApplied()).toBe(2);
    jest.restoreAllMocks();
    expect(await edge.sync()).toMatchObject({ status: 'current' });
  });
});

describe('a cycle that is told to stop', () => {
  const reason = new RivuletError('SHUTTING_DOWN', 'This edge is shutting down.');

  it.each(['applying', 'verifying'] as const)('while %s rolls back and tells nobody', async (phase) => {
    const before = await edge.everything('names');
    const stopping = new AbortController();
    const progress = new Proxy(initialProgress(), {
      set(target, name, value) {
        if (value === phase) stopping.abort(reason);
        return Reflect.set(target, name, value);
      },
    });

    const result = await edge.sync({ signal: stopping.signal, progress });

    expect(result).toMatchObject({ status: 'failed', acknowledged: false, error: { code: 'SHUTTING_DOWN' } });
    expect(await edge.everything('names')).toEqual(before);
    expect(edge.hub.acknowledgements).toHaveLength(1);
    await lockReleased();
    expect(await edge.sync()).toMatchObject({ status: 'applied', wireBytes: 0 });
  });
});
