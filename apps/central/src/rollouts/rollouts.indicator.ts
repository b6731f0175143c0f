import { Injectable } from '@nestjs/common';
import { OwnTables, type HealthCheckOutcome, type HealthIndicator, type Probe } from '@rivulet/platform';

/** Degraded while a rollout that central has paused by itself waits for an operator. */
@Injectable()
export class RolloutsIndicator implements HealthIndicator {
  readonly name = 'rollouts';
  readonly probes: readonly Probe[] = [];

  constructor(private readonly tables: OwnTables) {}

  async check(): Promise<HealthCheckOutcome> {
    const rows = await this.tables.rows<{ status: string; rolloutId: string; isStopped: boolean }>(
      readActive,
    );
    const stopped = rows.filter(({ isStopped }) => isStopped).map(({ rolloutId }) => rolloutId);
    const running = rows.filter(({ status }) => status === 'running').length;
    const problem =
      stopped.length === 0
        ? {}
        : { problem: `Paused, and waiting for an operator: ${stopped.slice(0, 10).join(', ')}.` };
    return { up: stopped.length === 0, detail: { running, paused: rows.length - running, ...problem } };
  }
}

/** At most one for each subject; by the index one_active_rollout. */
const readActive = `
SELECT rollout_id AS "rolloutId", status, status = 'paused' AND reason <> 'operator' AS "isStopped"
FROM rivulet.rollouts WHERE status IN ('running', 'paused')`;
