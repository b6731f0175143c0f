import { Injectable } from '@nestjs/common';
import { databaseTrouble } from '@rivulet/postgres';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '../health/health-indicator';
import { pendingMigrations } from './run-migrations';

/**
 * Down when the database does not answer, on whichever connection, takes no writes, has no room, or has no connection
 * free for the time of a check.
 */
@Injectable()
export class DatabaseIndicator implements HealthIndicator {
  readonly name = 'database';
  readonly probes: readonly Probe[] = ['ready'];

  constructor(private readonly dataSource: DataSource) {}

  async check(): Promise<HealthCheckOutcome> {
    const [session] = await this.dataSource.query<[{ isReadOnly: boolean }]>(
      `SELECT current_setting('transaction_read_only')::boolean AS "isReadOnly"`,
    );
    if (session.isReadOnly) return { up: false, detail: { readOnly: true } };
    const { master } = this.dataSource.driver as PostgresDriver;
    return upUnlessTroubled(master as Pool);
  }
}

/** @param pool the other pools of this process on the same database count as well */
export function upUnlessTroubled({ options }: Pool, detail?: Record<string, unknown>): HealthCheckOutcome {
  const troubles = databaseTrouble(options.connectionString!);
  if (troubles.length === 0) return detail === undefined ? { up: true } : { up: true, detail };
  return { up: false, detail: { ...detail, ...Object.assign({}, ...troubles) } };
}

/** Down while the database lacks a migration of this version, or a table that one had made: as after a restore. */
@Injectable()
export class MigrationsIndicator implements HealthIndicator {
  readonly name = 'migrations';
  readonly probes: readonly Probe[] = ['ready', 'startup'];

  constructor(private readonly dataSource: DataSource) {}

  async check(): Promise<HealthCheckOutcome> {
    const pending = await pendingMigrations(this.dataSource);
    const missingTables = await this.missingTables();
    return {
      up: pending.length === 0 && missingTables.length === 0,
      detail: { pending: pending.length, ...(missingTables.length > 0 && { missingTables }) },
    };
  }

  private async missingTables(): Promise<string[]> {
    const names = this.dataSource.entityMetadatas.map(({ tablePath }) => tablePath);
    const rows = await this.dataSource.query<{ name: string }[]>(
      'SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL ORDER BY name',
      [names],
    );
    return rows.map(({ name }) => name);
  }
}
