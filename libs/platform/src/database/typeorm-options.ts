import { DatabasePool, type DatabasePoolConfig } from '@rivulet/postgres';
import type { DataSourceOptions } from 'typeorm';
import { TypeOrmLog } from './typeorm-logger';

/** All operational tables live here, so that a mirror or the source may have tables of the same names. */
export const OPERATIONAL_SCHEMA = 'rivulet';

export interface DatabaseOptions {
  url: string;
  entities: NonNullable<DataSourceOptions['entities']>;
  migrations: NonNullable<DataSourceOptions['migrations']>;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  poolSize?: number;
  /** For a connection to open, or to come free in the pool. */
  connectTimeoutMs?: number;
  /** A default for every statement; a transaction that copies rows sets its own with SET LOCAL. */
  statementTimeoutMs?: number;
  /** A statement that takes longer leaves a WARN. */
  slowQueryMs?: number;
}

export function typeOrmOptions(options: DatabaseOptions): DataSourceOptions {
  return {
    type: 'postgres',
    url: options.url,
    schema: OPERATIONAL_SCHEMA,
    entities: options.entities,
    migrations: options.migrations,
    applicationName: options.applicationName,
    poolSize: options.poolSize ?? 10,
    connectTimeoutMS: options.connectTimeoutMs ?? 5_000,
    maxQueryExecutionTime: options.slowQueryMs ?? 5_000,
    // The schema changes by migrations alone, and those by runMigrations alone.
    synchronize: false,
    migrationsRun: false,
    installExtensions: false,
    logger: new TypeOrmLog(),
    logging: ['error', 'warn'],
    // TypeORM makes its pool of this, and hands on what is in `extra`.
    driver: { Pool: DatabasePool },
    extra: {
      limits: { statementTimeoutMs: options.statementTimeoutMs ?? 30_000, lockTimeoutMs: 10_000 },
    } satisfies DatabasePoolConfig,
    // The pool tells what happened to a connection by itself, and once.
    poolErrorHandler: () => undefined,
  };
}
