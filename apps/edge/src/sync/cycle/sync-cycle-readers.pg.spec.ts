import { setTimeout as sleep } from 'node:timers/promises';
import { numberedTexts } from '@rivulet/testing';
import type { ClientBase, Pool, PoolClient } from 'pg';
import { setUpSyncCycles } from '../../../test/sync-cycle-fixture';
import { withDatabaseLease } from '../../state/database-lease';

const edge = setUpSyncCycles();

/** Two tables whose every row says which version it is of. */
function publish(version: number): void {
  const texts = Array.from({ length: 500 }, () => `v${version}`);
  edge.hub.datasets = [numberedTexts('names', texts), numberedTexts('areas', texts.slice(0, 50))];
}

async function withReader<T>(read: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await edge.database.pool.connect();
  try {
    return await read(client);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** The state of a table: how many rows of which versions. */
async function look(client: ClientBase | Pool, table: string): Promise<string> {
  const { rows } = await client.query<{ seen: string }>(
    `SELECT count(*) || ' of ' || coalesce(string_agg(DISTINCT label, ' and '), 'nothing') AS seen FROM ${table}`,
  );
  return rows[0]!.seen;
}

async function untilTheCycleWaits(): Promise<void> {
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'rivulet edge' AND wait_event_type = 'Lock'`;
  while ((await edge.database.pool.query(waiting)).rowCount === 0) await sleep(10);
}

beforeEach(async () => {
  edge.applyLimits.lockTimeoutMs = 10_000;
  publish(1);
  await edge.sync();
  publish(2);
});

describe('a reader of several mirrors', () => {
  it.each([
    ['REPEATABLE READ', 'auto'],
    ['READ COMMITTED', 'truncate'],
    ['REPEATABLE READ', 'truncate'],
  ] as const)(
    'in a %s transaction sees one manifest, whole, whenever it reads (%s)',
    async (isolation, mode) => {
      edge.applyMode = mode;
      const seen = new Set<string>();
      const synced = new AbortController();
      const reading = withReader(async (client) => {
        while (!synced.signal.aborted) {
          await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
          const names = await look(client, 'names');
          await sleep(2);
          seen.add(`${names}, ${await look(client, 'areas')}`);
          await client.query('COMMIT');
          await sleep(1);
        }
      });
      for (let version = 2; version <= 12; version++) {
        publish(version);
        expect(await edge.sync()).toMatchObject({ status: 'applied' });
      }
      synced.abort();
      await reading;

      const versions = Array.from({ length: 12 }, (_, index) => index + 1);
      const whole = new Set(versions.map((version) => `500 of v${version}, 50 of v${version}`));
      expect([...seen].filter((sight) => !whole.has(sight))).toEqual([]);
      expect(seen.size).toBeGreaterThan(2);
    },
  );

  it.each(['auto', 'truncate'] as const)(
    'with one query sees one manifest, whole, always (%s)',
    async (mode) => {
      edge.applyMode = mode;
      const joined = `SELECT count(*) AS rows, count(DISTINCT label) AS versions FROM names JOIN areas USING (id, label)`;
      const sights: unknown[] = [];
      const synced = new AbortController();
      const reading = (async () => {
        while (!synced.signal.aborted) sights.push(...(await edge.database.pool.query(joined)).rows);
      })();
      for (let version = 2; version <= 8; version++) {
        publish(version);
        await edge.sync();
      }
      synced.abort();
      await reading;

      expect(sights.length).toBeGreaterThan(2);
      expect(sights.filter((sight) => JSON.stringify(sight) !== '{"rows":"50","versions":"1"}')).toEqual([]);
    },
  );

  it.each([
    ['loaded', () => publish(2)],
    [
      'rebuilt',
      () => {
        publish(2);
        for (const dataset of edge.hub.datasets) {
          dataset.columns = [...dataset.columns, { name: 'note', type: 'text' }];
          dataset.rows = dataset.rows.map((row) => [...row, 'x']);
        }
      },
    ],
  ])('whose snapshot is older than mirrors that were %s finds no empty table', async (_, change) => {
    change();
    edge.applyMode = 'truncate';
    await withReader(async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await client.query('SELECT count(*) FROM rivulet.edge_sync_log');
      expect(await edge.sync()).toMatchObject({ status: 'applied' });

      expect([await look(client, 'names'), await look(client, 'areas')]).toEqual(['500 of v2', '50 of v2']);
    });
  });
});

describe('a reader, while rows are changed in place', () => {
  it('reads on in an old snapshot, across all mirrors, and the cycle does not wait for it', async () => {
    edge.applyLimits.lockTimeoutMs = 50;
    await withReader(async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await look(client, 'areas');

      expect(await edge.sync()).toMatchObject({
        status: 'applied',
        tables: [{ action: 'patched' }, { action: 'patched' }],
      });

      expect([await look(client, 'names'), await look(client, 'areas')]).toEqual(['500 of v1', '50 of v1']);
      expect(await look(edge.database.pool, 'names')).toBe('500 of v2');
    });
  });

  it.each(['patched', 'merged'])(
    'that are %s, never waits, and sees the old rows until the commit',
    async (action) => {
      if (action === 'merged') edge.hub.forgetBases();
      const recordApplied = edge.state.recordApplied.bind(edge.state);
      const seen: string[] = [];
      jest.spyOn(edge.state, 'recordApplied').mockImplementationOnce(async (...args) => {
        await recordApplied(...args);
        // Everything is written and nothing committed: a reader that had to wait now would wait for ever.
        await withReader(async (client) => {
          await client.query(`BEGIN; SET LOCAL lock_timeout = '1s'`);
          seen.push(await look(client, 'names'), await look(client, 'areas'));
        });
      });

      expect((await edge.sync()).tables).toMatchObject([{ action }, { action }]);

      expect(seen).toEqual(['500 of v1', '50 of v1']);
      expect(await look(edge.database.pool, 'areas')).toBe('50 of v2');
    },
  );

  it('is not held up by a cycle that waits for a lock', async () => {
    edge.applyLimits.lockTimeoutMs = 300;
    await withReader(async (writer) => {
      await writer.query('BEGIN; LOCK TABLE names IN SHARE ROW EXCLUSIVE MODE');
      const cycle = edge.sync();
      await untilTheCycleWaits();
      await withReader(async (client) => {
        await client.query(`BEGIN; SET LOCAL lock_timeout = '1ms'`);
        expect(await look(client, 'names')).toBe('500 of v1');
      });
      expect(await cycle).toMatchObject({ status: 'failed', error: { code: 'MIRROR_BUSY' } });
    });
    expect(await edge.sync()).toMatchObject({ status: 'applied', wireBytes: 0 });
  });
});

describe('a reader that holds a mirror which is to be loaded', () => {
  beforeEach(() => {
    edge.applyMode = 'truncate';
  });

  it('makes the cycle give up after the lock timeout, and keeps what it reads', async () => {
    edge.applyLimits.lockTimeoutMs = 100;
    await withReader(async (client) => {
      await client.query('BEGIN');
      await look(client, 'areas');

      expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'MIRROR_BUSY' } });

      expect(await look(edge.database.pool, 'names')).toBe('500 of v1');
      expect(await look(client, 'areas')).toBe('50 of v1');
    });
    expect(await edge.sync()).toMatchObject({ status: 'applied', wireBytes: 0 });
  });

  it('does not make new readers wait for long: they come through between two tries', async () => {
    await withReader(async (client) => {
      await client.query('BEGIN');
      await look(client, 'areas');
      const running = edge.sync();
      await untilTheCycleWaits();
      for (let time = 0; time < 5; time++) expect(await look(edge.database.pool, 'areas')).toBe('50 of v1');
      await client.query('COMMIT');
      expect(await running).toMatchObject({ status: 'applied' });
    });
  });

  it('is waited for within the lock timeout', async () => {
    const cycle = await withReader(async (client) => {
      await client.query('BEGIN');
      await look(client, 'areas');
      const running = edge.sync();
      await untilTheCycleWaits();
      return { running };
    });

    expect(await cycle.running).toMatchObject({ status: 'applied' });
  });

  it('and then wants another that the cycle has, gets it, and is waited for', async () => {
    const running = await withReader(async (client) => {
      // PostgreSQL ends the session that notices the deadlock: let it not be the reader.
      await client.query(`BEGIN; SET LOCAL deadlock_timeout = '1min'`);
      await look(client, 'areas');
      const cycle = edge.sync();
      await untilTheCycleWaits();
      expect(await look(client, 'names')).toBe('500 of v1');
      return { cycle };
    });

    expect(await running.cycle).toMatchObject({ status: 'applied' });
  });
});

describe('the lease of a database', () => {
  it('is given to one cycle at a time, whatever process asks', async () => {
    const other = await edge.connect({ poolSize: 2 });
    try {
      await withDatabaseLease(other, async () => {
        await expect(edge.sync()).rejects.toMatchObject({ code: 'SYNC_IN_PROGRESS' });
      });
      expect(await edge.sync()).toMatchObject({ status: 'applied' });
    } finally {
      await other.destroy();
    }
  });

  it('is given back when the work fails', async () => {
    await expect(withDatabaseLease(edge.source, () => Promise.reject(new Error('no')))).rejects.toThrow('no');

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('ends with its session, and a cycle that has lost it applies nothing', async () => {
    const result = await withDatabaseLease(edge.source, async (lease) => {
      const { processID } = lease.client as PoolClient & { processID: number };
      await edge.database.pool.query('SELECT pg_terminate_backend($1, 5000)', [processID]);
      await edge.sync();
      publish(3);
      return edge.runUnder(lease);
    });

    expect(result).toMatchObject({ status: 'failed', error: { code: 'DATABASE_UNAVAILABLE' } });
    expect(await look(edge.database.pool, 'names')).toBe('500 of v2');
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('leaves neither a lock nor a transaction behind', async () => {
    await edge.sync();
    const { rows } = await edge.database.pool.query(`
      SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = oid) AS locks,
             (SELECT count(*) FROM pg_stat_activity
              WHERE datid = oid AND application_name = 'rivulet edge' AND state <> 'idle') AS busy
      FROM pg_database WHERE datname = current_database()`);

    expect(rows).toEqual([{ locks: '0', busy: '0' }]);
  });
});
