import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Requests of devices and the answers that they get. */
@Injectable()
export class DeviceSyncMetrics {
  readonly requestSeconds: Histogram<'outcome'>;
  readonly requestFailures: Counter<'code'>;
  readonly manifestsIssued: Counter;
  readonly plannedTables: Counter<'action'>;
  readonly payloadBytes: Counter;
  readonly acknowledgements: Counter<'status'>;
  readonly failingDevices: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requestSeconds = new Histogram({
      name: 'rivulet_central_sync_request_duration_seconds',
      help: 'Time to answer a sync request, by outcome: current, update or failed.',
      labelNames: ['outcome'],
      buckets: BUCKETS_SECONDS,
      registers,
    });
    this.requestFailures = new Counter({
      name: 'rivulet_central_sync_request_failures_total',
      help: 'Sync requests that were answered with an error, by its code.',
      labelNames: ['code'],
      registers,
    });
    this.manifestsIssued = new Counter({
      name: 'rivulet_central_manifests_issued_total',
      help: 'Manifests that were issued.',
      registers,
    });
    this.plannedTables = new Counter({
      name: 'rivulet_central_planned_tables_total',
      help: 'Tables of these manifests, by what the device was told to do: keep, patch or load.',
      labelNames: ['action'],
      registers,
    });
    this.payloadBytes = new Counter({
      name: 'rivulet_central_payload_bytes_total',
      help: 'Bytes of frames that were sent.',
      registers,
    });
    this.acknowledgements = new Counter({
      name: 'rivulet_central_acknowledgements_total',
      help: 'Acknowledgements that were taken, by the reported status: applied or failed.',
      labelNames: ['status'],
      registers,
    });
    this.failingDevices = new Gauge({
      name: 'rivulet_central_failing_devices',
      help: 'Devices whose last report to this process was that they could not apply what they were sent.',
      registers,
    });
    for (const status of ['applied', 'failed']) this.acknowledgements.inc({ status }, 0);
  }
}
