import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { FleetSummaryService } from './fleet-summary.service';

/** The other metrics do not wait for a database that does not answer. */
const WAITED_MS = 1_000;

/** The same of every process of central. Without the database they keep their last values. */
@Injectable()
export class FleetMetrics {
  readonly devices: Gauge<'state'>;

  constructor(registry: Registry, fleet: FleetSummaryService) {
    const registers = [registry];
    const lag = new Gauge({
      name: 'rivulet_central_fleet_worst_lag_seconds',
      help: 'How long the rows of the device that is farthest behind have not been confirmed; 0 when all are current.',
      registers,
    });
    const online = new Gauge({
      name: 'rivulet_central_fleet_online',
      help: 'Edges of the whole fleet that are connected to a central.',
      registers,
    });
    this.devices = new Gauge({
      name: 'rivulet_central_fleet_devices',
      help: 'Edges of the whole fleet by state (current, behind, failing, silent, never).',
      labelNames: ['state'],
      registers,
      async collect() {
        const summary = await Promise.race([
          fleet.summary(0).catch(() => undefined),
          delay(WAITED_MS, undefined, { ref: false }),
        ]);
        if (summary === undefined) return;
        for (const [state, count] of Object.entries(summary.states)) this.set({ state }, count);
        lag.set(summary.worstLag?.lagSeconds ?? 0);
        online.set(summary.online);
      },
    });
  }
}
