import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { Client, type QueryResult } from 'pg';
import type { DataSource, MigrationInterface, QueryRunner } from 'typeorm';
import { DatabaseIndicator, MigrationsIndicator } from './database-indicators';
import { connect, type ConnectOptions } from './database.module';
import { namedError } from '../problem/named-error';
import { runMigrations } from './run-migrations';

jest.setTimeout(30_000);

class First1700000000001 implements MigrationInterface {
  name = 'First1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    // Long enough for another process to meet it.
    await runner.query('CREATE TABLE rivulet.first AS SELECT pg_sleep(0.3)::text');
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward.');
  }
}

class Second1700000000002 extends First1700000000001 {
  override name = 'Second1700000000002';

  override async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE rivulet.second (id int)');
  }
}

class Failing1700000000003 extends First1700000000001 {
  override name = 'Failing1700000000003';

  override async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE rivulet.third (id int)');
    await runner.query('SELECT 1 / 0');
  }
}

type Migration = new () => MigrationInterface;

const server = process.env['TEST_DATABASE_URL']!;
const opened: DataSource[] = [];
let url: string;
let databases = 0;

async function asAdmin(sql: string): Promise<QueryResult> {
  const client = new Client({ connectionString: server });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

async function serverVersion(): Promise<number> {
  const { rows } = await asAdmin(`SELECT current_setting('server_version_num')::int / 10000 AS version`);
  return (rows as { version: number }[])[0]!.version;
}

beforeAll(() => Logger.overrideLogger(false));

beforeEach(async () => {
  const name = `platform_${process.pid}_${++databases}`;
  await asAdmin(`CREATE DATABASE ${name}`);
  url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((dataSource) => dataSource.destroy()));
  jest.restoreAllMocks();
  await asAdmin(`DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
});

function options(migrations: Migration[]): ConnectOptions {
  return {
    url,
    urlVariable: 'SAMPLE_URL',
    applicationName: 'sample',
    entities: [],
    migrations,
    poolSize: 1,
    attempts: 1,
  };
}

async function open(...migrations: Migration[]): Promise<DataSource> {
  const dataSource = await connect(options(migrations));
  opened.push(dataSource);
  return dataSource;
}

async function tables(dataSource: DataSource): Promise<string[]> {
  const rows: { tablename: string }[] = await dataSource.query(
    `SELECT tablename FROM pg_tables WHERE schemaname = 'rivulet' AND tablename <> 'migrations' ORDER BY 1`,
  );
  return rows.map(({ tablename }) => tablename);
}

async function failure(work: Promise<unknown>): Promise<RivuletError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof RivuletError) return error;
  throw new Error(`This is no RivuletError: ${String(error)}`);
}

describe('migrations', () => {
  it('run once when several processes start at once, on a pool of one connection', async () => {
    const all = await Promise.all(
      Array.from({ length: 4 }, () => open(First1700000000001, Second1700000000002)),
    );
    expect(await tables(all[0]!)).toEqual(['first', 'second']);
    expect(await runMigrations(all[0]!)).toEqual([]);
    expect(await all[0]!.query('SELECT count(*)::int AS n FROM rivulet.migrations')).toEqual([{ n: 2 }]);
    expect(
      // Only the locks of this database count: other specs run on the same server.
      await all[1]!.query(
        `SELECT count(*)::int AS n FROM pg_locks JOIN pg_database ON pg_database.oid = database
         WHERE locktype = 'advisory' AND datname = current_database()`,
      ),
    ).toEqual([{ n: 0 }]);
    expect(await all[1]!.query('SHOW statement_timeout')).toEqual([{ statement_timeout: '30s' }]);
  });

  it('are refused by a version that does not know them all', async () => {
    await open(First1700000000001, Second1700000000002);
    const error = await failure(open(First1700000000001));
    expect(error.code).toBe('DATABASE_NEWER');
    expect(error.message).toContain('Second1700000000002');
  });

  it('messages: of the other app are refused, as this one has none there', async () => {
    await open(First1700000000001);
    const error = await failure(open(Second1700000000002));
    expect(error.code).toBe('DATABASE_OF_OTHER_APP');
    expect(error.message).toContain('First1700000000001');
    expect(error.nextStep).toContain('a database of their own');
  });

  it('that fail leave nothing of themselves, and those before them are kept', async () => {
    await expect(open(Second1700000000002, Failing1700000000003)).rejects.toThrow('division by zero');
    const dataSource = await open(Second1700000000002);
    expect(await tables(dataSource)).toEqual(['second']);
  });
});

describe('a database that an app cannot have its tables in', () => {
  it('is refused when its encoding is not UTF8, by name, with the cure', async () => {
    const other = `${new URL(url).pathname.slice(1)}_latin1`;
    // From version 15 on a template can have a provider that knows UTF8 alone.
    const provider = (await serverVersion()) < 15 ? '' : 'LOCALE_PROVIDER libc';
    await asAdmin(`CREATE DATABASE ${other} ENCODING 'LATIN1' TEMPLATE template0 ${provider} LOCALE 'C'`);
    try {
      const latin1 = Object.assign(new URL(url), { pathname: `/${other}` }).href;
      const error = await failure(connect({ ...options([First1700000000001]), url: latin1, attempts: 3 }));
      expect(error.code).toBe('ENVIRONMENT_INVALID');
      expect(error.message).toMatch(new RegExp(`^The database at .*/${other} has the encoding LATIN1\\.`));
      expect(error.nextStep).toContain("ENCODING 'UTF8'");
      expect(error.nextStep).toContain('SAMPLE_URL');
    } finally {
      await asAdmin(`DROP DATABASE ${other}`);
    }
  });

  it('is refused when it takes no writes, and nothing else has been tried', async () => {
    await asAdmin(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET default_transaction_read_only = on`);
    const error = await failure(open(First1700000000001));
    expect(error.code).toBe('DATABASE_UNAVAILABLE');
    expect(error.message).toMatch(
      /^The database at .* takes no writes: default_transaction_read_only is on\.$/,
    );
    expect(error.nextStep).toContain('SAMPLE_URL');
  });

  it('is waited for when it takes no writes yet', async () => {
    const name = new URL(url).pathname.slice(1);
    await asAdmin(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    const warned = new Promise<string>((resolve) => {
      jest.spyOn(Logger.prototype, 'warn').mockImplementation((message: unknown) => resolve(String(message)));
    });
    const connecting = connect({ ...options([First1700000000001]), attempts: 10 });
    expect(await warned).toContain('default_transaction_read_only is on');
    await asAdmin(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    opened.push(await connecting);
    expect(await tables(opened[0]!)).toEqual(['first']);
  });

  it('is named when it takes no writes any more, and its indicator is down', async () => {
    const dataSource = await open(First1700000000001);
    await dataSource.query('SET default_transaction_read_only = on');
    const error = await dataSource.query('CREATE TABLE rivulet.more ()').catch(namedError);
    expect(error).toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      message: 'The database takes no writes (25006).',
      nextStep: expect.stringContaining('default_transaction_read_only') as string,
    });
    expect(await new DatabaseIndicator(dataSource).check()).toEqual({
      up: false,
      detail: { readOnly: true },
    });
  });
});

describe('the indicators', () => {
  it('see the database and what it lacks', async () => {
    const dataSource = await open(First1700000000001);
    expect(await new DatabaseIndicator(dataSource).check()).toEqual({ up: true });
    const migrations = new MigrationsIndicator(dataSource);
    expect(await migrations.check()).toEqual({ up: true, detail: { pending: 0 } });
    await dataSource.query('TRUNCATE rivulet.migrations');
    expect(await migrations.check()).toEqual({ up: false, detail: { pending: 1 } });
  });
});

describe('a database that is not available', () => {
  it.each([
    [
      'refuses',
      (to: URL) => (to.port = '1'),
      /^The database at .*:1\/platform_\w+ is not available: .*ECONNREFUSED/,
    ],
    ['does not exist', (to: URL) => (to.pathname = '/nowhere'), /database "nowhere" does not exist/],
    ['does not know the password', (to: URL) => (to.password = 'canary'), /password authentication failed/],
  ])('because it %s is named, with the reason and the variable', async (_name, change, message) => {
    const wrong = new URL(url);
    change(wrong);
    const error = await failure(connect({ ...options([]), url: wrong.href, attempts: 2 }));
    expect(error.code).toBe('DATABASE_UNAVAILABLE');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('canary');
    expect(error.nextStep).toContain('SAMPLE_URL');
  });
});
