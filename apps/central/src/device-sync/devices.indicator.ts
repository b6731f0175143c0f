import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { DataSource } from 'typeorm';
import { DeviceTroubles } from './device-troubles';

/** Devices that are named; more are counted. */
const NAMED = 5;

/** Degraded while devices cannot apply what they are sent, or have applied what this database has not issued. */
@Injectable()
export class DevicesIndicator implements HealthIndicator {
  readonly name = 'devices';
  readonly probes: readonly Probe[] = [];

  constructor(
    private readonly database: DataSource,
    private readonly troubles: DeviceTroubles,
  ) {}

  async check(): Promise<HealthCheckOutcome> {
    const failing = this.troubles.failing(NAMED);
    const [ahead] = await this.database.query<{ count: string; epoch: number | null; devices: string[] }[]>(
      readAhead,
      [NAMED],
    );
    const { epoch, devices } = ahead!;
    const count = Number(ahead!.count);
    const detail = {
      failing: failing.count,
      ahead: count,
      ...(failing.count > 0 && { failingDevices: failing.devices }),
      ...(count > 0 && { aheadDevices: devices, problem: explain(count, epoch!) }),
    };
    return { up: failing.count === 0 && count === 0, detail };
  }
}

function explain(count: number, epoch: number): string {
  return (
    `${count} device(s) have applied manifests that this database has not issued, up to epoch ${epoch}: it was restored or ` +
    'copied. They are refused (CENTRAL_BEHIND) until the epoch is raised above that: POST /api/operators/restore.'
  );
}

const readAhead = `
SELECT count(*) AS count, max(epoch) AS epoch,
       (SELECT coalesce(array_agg(device_id), '{}') FROM (
         SELECT device_id FROM rivulet.foreign_positions ORDER BY told_at DESC LIMIT $1) AS latest) AS devices
FROM rivulet.foreign_positions`;
