import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { CollectionDatabase } from './collection-database';

interface Held {
  networks: number;
  jobs: number;
}

/** Degraded while jobs leave networks out, which only a person can change. */
@Injectable()
export class CollectionIndicator implements HealthIndicator {
  readonly name = 'collection';
  readonly probes: readonly Probe[] = [];

  constructor(private readonly database: CollectionDatabase) {}

  async check(): Promise<HealthCheckOutcome> {
    const [held] = (await this.database.rows<Held>(
      `SELECT count(*)::int AS networks, count(DISTINCT job_id)::int AS jobs FROM rivulet.collection_holds`,
    )) as [Held];
    if (held.networks === 0) return { up: true };
    const problem =
      `${held.jobs} jobs leave out ${held.networks} networks whose rows cannot be carried. ` +
      'GET /api/jobs says why; run the job again once it is mended.';
    return { up: false, detail: { heldNetworks: held.networks, problem } };
  }
}
