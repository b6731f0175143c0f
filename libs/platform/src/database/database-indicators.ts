import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '../health/health-indicator';
import { pendingMigrations } from './run-migrations';

/** Down when the database does not answer, takes no writes, or has no connection free for the time of a check. */
@Injectable()
export class DatabaseIndicator implements HealthIndicator {
  readonly name = 'database';
  readonly probes: readonly Probe[] = ['ready'];

  constructor(private readonly dataSource: DataSource) {}

  async check(): Promise<HealthCheckOutcome> {
    const [session] = await this.dataSource.query<[{ isReadOnly: boolean }]>(
      `SELECT current_setting('transaction_read_only')::boolean AS "isReadOnly"`,
    );
    return session.isReadOnly ? { up: false, detail: { readOnly: true } } : { up: true };
  }
}

/** Down while the database lacks a migration of this version, as after a restore under a running app. */
@Injectable()
export class MigrationsIndicator implements HealthIndicator {
  readonly name = 'migrations';
  readonly probes: readonly Probe[] = ['ready', 'startup'];

  constructor(private readonly dataSource: DataSource) {}

  async check(): Promise<HealthCheckOutcome> {
    const pending = await pendingMigrations(this.dataSource);
    return { up: pending.length === 0, detail: { pending: pending.length } };
  }
}
