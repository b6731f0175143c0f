import { Injectable } from '@nestjs/common';
import {
  upUnlessTroubled,
  type HealthCheckOutcome,
  type HealthIndicator,
  type Probe,
} from '@rivulet/platform';
import { SourceDatabase } from './source-database';

/** Down when the data owner's database does not answer, on whichever connection. */
@Injectable()
export class SourceIndicator implements HealthIndicator {
  readonly name = 'source';
  readonly probes: readonly Probe[] = ['ready', 'startup'];

  constructor(private readonly source: SourceDatabase) {}

  async check(): Promise<HealthCheckOutcome> {
    await this.source.pool.query('SELECT 1');
    return upUnlessTroubled(this.source.pool, { address: this.source.address });
  }
}
