import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const BUCKETS_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600];

type QueueSize = (lane: 'together' | 'alone') => number;

/** How much is read of the source, stored and collected. */
@Injectable()
export class SnapshotsMetrics {
  readonly lookups: Counter<'result'>;
  readonly buildsRunning: Gauge;
  readonly buildsRefused: Counter;
  readonly buildSeconds: Histogram;
  private readonly queues: QueueSize[] = [];
  readonly queueScopes: Gauge<'lane'>;
  readonly waitSeconds: Histogram;
  readonly batchScopes: Histogram;
  readonly snapshotsBuilt: Counter<'read'>;
  readonly rowsRead: Counter;
  readonly bytesRead: Counter;
  readonly chunksStored: Counter;
  readonly collectedRows: Counter<'table'>;
  readonly lost: Counter<'kind'>;
  readonly storeBytes: Gauge<'kind'>;
  readonly storeMaxBytes: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.lookups = new Counter({
      name: 'rivulet_central_snapshot_lookups_total',
      help: 'Look-ups of the snapshots of a scope, by where they were found: memory, cache (the database of central) or source.',
      labelNames: ['result'],
      registers,
    });
    this.buildsRunning = new Gauge({
      name: 'rivulet_central_snapshot_builds_running',
      help: 'Transactions that are reading the data of scopes.',
      registers,
    });
    this.buildsRefused = new Counter({
      name: 'rivulet_central_snapshot_builds_refused_total',
      help: 'Readings that were refused because too many waited, or one for too long.',
      registers,
    });
    this.buildSeconds = new Histogram({
      name: 'rivulet_central_snapshot_build_duration_seconds',
      help: 'Time to read all that was stale of the scopes of one transaction, and to store it.',
      buckets: BUCKETS_SECONDS,
      registers,
    });
    const { queues } = this;
    this.queueScopes = new Gauge({
      name: 'rivulet_central_snapshot_queue_scopes',
      help: 'Scopes that wait to be read, with others in one transaction (together) or in one of their own (alone).',
      labelNames: ['lane'],
      registers,
      collect(): void {
        for (const lane of ['together', 'alone'] as const)
          this.set(
            { lane },
            queues.reduce((sum, sizeOf) => sum + sizeOf(lane), 0),
          );
      },
    });
    this.waitSeconds = new Histogram({
      name: 'rivulet_central_snapshot_wait_seconds',
      help: 'Time that scopes waited to be read.',
      buckets: BUCKETS_SECONDS,
      registers,
    });
    this.batchScopes = new Histogram({
      name: 'rivulet_central_snapshot_batch_scopes',
      help: 'Scopes that were read in one transaction.',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200],
      registers,
    });
    this.snapshotsBuilt = new Counter({
      name: 'rivulet_central_snapshots_built_total',
      help: 'Datasets that were read for a scope: whole, or the changed chunks alone.',
      labelNames: ['read'],
      registers,
    });
    this.rowsRead = new Counter({
      name: 'rivulet_central_snapshot_rows_total',
      help: 'Rows of the datasets that were read.',
      registers,
    });
    this.bytesRead = new Counter({
      name: 'rivulet_central_snapshot_bytes_total',
      help: 'Bytes of these rows, as COPY writes them.',
      registers,
    });
    this.chunksStored = new Counter({
      name: 'rivulet_central_chunks_stored_total',
      help: 'Chunks and patches that were not stored before.',
      registers,
    });
    this.collectedRows = new Counter({
      name: 'rivulet_central_collected_rows_total',
      help: 'Rows of tables of central that were collected.',
      labelNames: ['table'],
      registers,
    });
    this.storeBytes = new Gauge({
      name: 'rivulet_central_store_bytes',
      help: "Size of the tables of central's schema with their indexes, by kind: chunks, lists, history or other. Measured every 15 s.",
      labelNames: ['kind'],
      registers,
    });
    this.storeMaxBytes = new Gauge({
      name: 'rivulet_central_store_max_bytes',
      help: 'CENTRAL_STORE_MAX_BYTES: the size that these are held below.',
      registers,
    });
    this.lost = new Counter({
      name: 'rivulet_central_store_lost_total',
      help: 'Chunks that were listed and not stored, and snapshots and patches that were forgotten for it, by kind.',
      labelNames: ['kind'],
      registers,
    });
    for (const kind of ['chunks', 'snapshots', 'patches']) this.lost.inc({ kind }, 0);
    for (const result of ['memory', 'cache', 'source']) this.lookups.inc({ result }, 0);
  }
  /** Shows how many scopes wait. */
  watchQueue(sizeOf: QueueSize): void {
    this.queues.push(sizeOf);
  }
}
