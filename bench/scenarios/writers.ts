import { setTimeout as delay } from 'node:timers/promises';
import { formatFigure, markdownTable } from '@rivulet/cli';
import type { Pool, PoolClient } from 'pg';
import { median, round, timed } from '../measure/statistics';
import { startCentralWith } from '../setup/bench-apps';
import type { BenchRun } from '../setup/bench-run';
import { createFleetSource, dropFleetSource, fleetDatasets } from '../setup/fleet-source';

const CLIENTS = 4;
/** Short and many: what else the machine does meanwhile concerns both. */
const ROUNDS = 15;
const ROUND_MS = 1_000;
const BULK_ROUNDS = 5;
const BULK_ROWS = 100_000;
const TABLE = 'fleet_stock';
const TRIGGERS_WITHIN_MS = 60_000;

interface Compared {
  withTriggers: number;
  withoutTriggers: number;
  /** Ratio of the times with and without triggers: 1.1 is 10 % more. */
  ratio: number;
}

interface Figures {
  /** Transactions a second, each with one row, of several clients. */
  updates: Compared;
  inserts: Compared;
  /** The same without waiting for the disk, so that nothing hides the triggers. */
  updatesNotSynchronous: Compared;
  /** Seconds of one statement. */
  bulkUpdate: Compared;
  oneRowRatio: number;
  bulkRatio: number;
}

/** The cost of change tracking to writers of a watched table. Medians of rounds that alternate. */
export interface WritersResult extends Figures {
  /** The same for a table of which keys are noted, too. */
  keyed: Figures;
}

export async function benchWriters(run: BenchRun): Promise<WritersResult> {
  run.log(`  by value, ${run.rows} rows`);
  const byValue = await compare(run, fleetDatasets(), '%');
  run.log(`  by key, ${run.rows} rows`);
  // All of the table is one dataset: only parts of it are read again.
  return { ...byValue, keyed: await compare(run, fleetDatasets('true'), '% AS key FROM %') };
}

/** @param body a pattern of the trigger functions that are waited for */
async function compare(run: BenchRun, datasets: string, body: string): Promise<Figures> {
  const { pool } = run.servers.central;
  await createFleetSource(pool, run.rows, 1);
  try {
    await installTriggers(run, datasets, body);
    const writers = new Writers(run);
    const updates = await writers.perSecond('updates', update(run.rows));
    const inserts = await writers.perSecond('inserts', insert(run.rows));
    const updatesNotSynchronous = await writers.perSecond(
      'updates, not synchronous',
      update(run.rows),
      'off',
    );
    const bulkUpdate = await writers.bulk();
    return {
      updates,
      inserts,
      updatesNotSynchronous,
      bulkUpdate,
      oneRowRatio: Math.max(updates.ratio, inserts.ratio),
      bulkRatio: bulkUpdate.ratio,
    };
  } finally {
    await dropFleetSource(pool);
  }
}

/** Central does that when it starts, and ends: only what the writers themselves pay is measured. */
async function installTriggers(run: BenchRun, datasets: string, body: string): Promise<void> {
  const central = await startCentralWith(run, datasets);
  const { pool } = run.servers.central;
  const find = `
    SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgrelid = '${TABLE}'::regclass AND NOT tgisinternal AND prosrc LIKE $1`;
  const deadlineMs = performance.now() + TRIGGERS_WITHIN_MS;
  while ((await pool.query(find, [body])).rowCount === 0) {
    if (performance.now() > deadlineMs) {
      throw new Error(
        'Central made no such triggers. Keys are noted from 4 MiB on: try --rows 100000 or more.',
      );
    }
    await delay(100);
  }
  await central.stop();
}

type Write = (client: PoolClient) => Promise<unknown>;

function update(rows: number): Write {
  const text = `UPDATE ${TABLE} SET quantity = quantity + 1 WHERE id = $1`;
  return (client) => client.query({ name: 'update', text, values: [1 + Math.floor(Math.random() * rows)] });
}

function insert(rows: number): Write {
  const text = `INSERT INTO ${TABLE} VALUES ($1, $2, 1, 1, 1, '2026-01-01')`;
  let id = rows;
  return (client) => client.query({ name: 'insert', text, values: [(id += 1), 1 + (id % 1_000)] });
}

class Writers {
  private readonly pool: Pool;

  constructor(private readonly run: BenchRun) {
    this.pool = run.servers.central.pool;
  }

  async perSecond(name: string, write: Write, synchronousCommit = 'on'): Promise<Compared> {
    const compared = await this.alternate(name, ROUNDS, () => this.writesPerSecond(write, synchronousCommit));
    return { ...compared, ratio: round(compared.withoutTriggers / compared.withTriggers, 3) };
  }

  async bulk(): Promise<Compared> {
    const compared = await this.alternate('bulk update', BULK_ROUNDS, () =>
      timed(() => this.pool.query(`UPDATE ${TABLE} SET quantity = quantity + 1 WHERE id <= ${BULK_ROWS}`)),
    );
    return { ...compared, ratio: round(compared.withTriggers / compared.withoutTriggers, 3) };
  }

  private async alternate(
    name: string,
    rounds: number,
    measure: () => Promise<number>,
  ): Promise<Omit<Compared, 'ratio'>> {
    const figures: Record<'ENABLE' | 'DISABLE', number[]> = { ENABLE: [], DISABLE: [] };
    await this.pool.query(`VACUUM ${TABLE}`);
    await this.run.servers.settle();
    for (let number = 0; number < rounds; number += 1) {
      // The first of a pair may have it better.
      const order = number % 2 === 0 ? (['ENABLE', 'DISABLE'] as const) : (['DISABLE', 'ENABLE'] as const);
      for (const mode of order) {
        await this.pool.query(`ALTER TABLE ${TABLE} ${mode} TRIGGER USER`);
        figures[mode].push(await measure());
      }
    }
    const digits = 3;
    const compared = {
      withTriggers: round(median(figures.ENABLE), digits),
      withoutTriggers: round(median(figures.DISABLE), digits),
    };
    this.run.log(`  ${name}: ${JSON.stringify(compared)}`);
    return compared;
  }

  private async writesPerSecond(write: Write, synchronousCommit: string): Promise<number> {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => this.pool.connect()));
    for (const client of clients) await client.query(`SET synchronous_commit = ${synchronousCommit}`);
    const start = performance.now();
    let writes = 0;
    const work = async (client: PoolClient): Promise<void> => {
      while (performance.now() - start < ROUND_MS) {
        await write(client);
        writes += 1;
      }
    };
    await Promise.all(clients.map(work));
    const seconds = (performance.now() - start) / 1000;
    for (const client of clients) {
      await client.query('RESET synchronous_commit');
      client.release();
    }
    return writes / seconds;
  }
}

function rowsOf(figures: Figures): [string, Compared][] {
  return [
    [`one row updated, ${CLIENTS} clients, transactions a second`, figures.updates],
    ['one row inserted, transactions a second', figures.inserts],
    ['one row updated, without waiting for the disk', figures.updatesNotSynchronous],
    [`${BULK_ROWS} rows updated, seconds`, figures.bulkUpdate],
  ];
}

export function writersTable(result: WritersResult): string {
  const rows: [string, Compared][] = [
    ...rowsOf(result),
    ...rowsOf(result.keyed).map(([what, compared]): [string, Compared] => [`by key: ${what}`, compared]),
  ];
  return [
    '### Writers of a table that is watched',
    '',
    markdownTable(
      ['what', 'with triggers', 'without', 'time with ÷ without'],
      rows.map(([what, { withTriggers, withoutTriggers, ratio }]) => [
        what,
        formatFigure(withTriggers),
        formatFigure(withoutTriggers),
        ratio,
      ]),
    ),
  ].join('\n');
}
