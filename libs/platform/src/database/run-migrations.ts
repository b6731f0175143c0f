import { RivuletError } from '@rivulet/errors';
import { expectStatementLimit } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { MigrationExecutor, type DataSource, type QueryRunner } from 'typeorm';
import { OPERATIONAL_SCHEMA } from './typeorm-options';

/** Any number will do that nothing else in these databases locks: the first eight bytes of SHA-256("rivulet:migrations"). */
const LOCK = '-6865739690679782519';

/** Bounds the wait for another process's migrations as well as each statement of ours. */
const TIMEOUT_MS = 300_000;

/**
 * Brings the operational tables to this version. Two processes that start at once take turns, on an advisory lock of
 * the session, which dies with it. Each migration is one transaction, so that a start that was killed continues.
 *
 * @returns the names of the migrations that ran
 * @throws RivuletError DATABASE_NEWER when the database has migrations that this version does not know · DATABASE_OF_OTHER_APP
 *   when it has no others
 */
export async function runMigrations(dataSource: DataSource): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    return await withLimits(runner, async () => {
      await runner.query('SELECT pg_advisory_lock($1::bigint)', [LOCK]);
      try {
        await runner.query(`CREATE SCHEMA IF NOT EXISTS "${OPERATIONAL_SCHEMA}"`);
        await refuseNewerDatabase(dataSource, runner);
        const executor = new MigrationExecutor(dataSource, runner);
        executor.transaction = 'each';
        return (await executor.executePendingMigrations()).map(({ name }) => name);
      } finally {
        await runner.query('SELECT pg_advisory_unlock($1::bigint)', [LOCK]);
      }
    });
  } finally {
    await runner.release();
  }
}

/** The limits of the session, for the while. RESET would bring back what the role or the database has. */
async function withLimits<T>(runner: QueryRunner, work: () => Promise<T>): Promise<T> {
  const [before] = (await runner.query(readLimits)) as [{ statement: string; lock: string }];
  const restoreLimit = expectStatementLimit((await runner.connect()) as ClientBase, TIMEOUT_MS);
  await runner.query(setLimits, [String(TIMEOUT_MS), String(TIMEOUT_MS)]);
  try {
    return await work();
  } finally {
    // Fails only when the connection is gone.
    await runner.query(setLimits, [before.statement, before.lock]).catch(() => undefined);
    restoreLimit();
  }
}

const readLimits = `SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock`;

const setLimits = `SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false)`;

/** The migrations of this version that the database does not have. Changes nothing, as TypeORM's own question would. */
export async function pendingMigrations(dataSource: DataSource): Promise<string[]> {
  const applied = new Set(await appliedMigrations(dataSource));
  return migrationsOf(dataSource).filter((name) => !applied.has(name));
}

function migrationsOf({ migrations }: DataSource): string[] {
  return migrations.map((migration) => migration.name ?? migration.constructor.name);
}

async function appliedMigrations(database: Pick<DataSource | QueryRunner, 'query'>): Promise<string[]> {
  const [table] = (await database.query('SELECT to_regclass($1) AS name', [
    `${OPERATIONAL_SCHEMA}.migrations`,
  ])) as [{ name: string | null }];
  if (table.name === null) return [];
  const rows = (await database.query(`SELECT name FROM "${OPERATIONAL_SCHEMA}".migrations ORDER BY id`)) as {
    name: string;
  }[];
  return rows.map(({ name }) => name);
}

async function refuseNewerDatabase(dataSource: DataSource, runner: QueryRunner): Promise<void> {
  const known = new Set(migrationsOf(dataSource));
  const applied = await appliedMigrations(runner);
  const unknown = applied.filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  if (unknown.length === applied.length) {
    throw new RivuletError(
      'DATABASE_OF_OTHER_APP',
      `The database has tables of Rivulet that this app did not make (${applied[0]}), and none of its own.`,
    );
  }
  throw new RivuletError(
    'DATABASE_NEWER',
    `The database has migrations that this version does not know: ${unknown.join(', ')}.`,
  );
}
