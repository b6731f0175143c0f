import { Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry } from 'prom-client';
import { countDeviatingChunks, type MirrorInspection } from '../mirrors/inspect-mirror';
import type { ScrubResult } from '../state/scrub-result';

const BUCKETS_SECONDS = [0.1, 1, 10, 60, 300, 1_800, 7_200];

@Injectable()
export class ScrubMetrics {
  private readonly scrubs: Counter<'trigger' | 'status'>;
  private readonly seconds: Histogram;
  private readonly deviatingChunks: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.scrubs = new Counter({
      name: 'rivulet_edge_scrubs_total',
      help: 'Finished scrubs.',
      labelNames: ['trigger', 'status'],
      registers,
    });
    this.seconds = new Histogram({
      name: 'rivulet_edge_scrub_seconds',
      help: 'Duration of a scrub, including the repair.',
      buckets: BUCKETS_SECONDS,
      registers,
    });
    this.deviatingChunks = new Counter({
      name: 'rivulet_edge_scrub_deviating_chunks_total',
      help: 'Chunks in which scrubs have found a mirror to differ from what was applied.',
      registers,
    });
  }

  deviates(inspection: MirrorInspection): void {
    this.deviatingChunks.inc(countDeviatingChunks(inspection));
  }

  finished({ trigger, status, durationMs }: ScrubResult): void {
    this.scrubs.inc({ trigger, status });
    this.seconds.observe(durationMs / 1000);
  }
}
