import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';

/** Connections, and what they are sent. */
@Injectable()
export class RealtimeMetrics {
  readonly connections: Gauge<'transport'>;
  readonly topics: Gauge;
  readonly present: Gauge;
  readonly published: Counter<'by'>;
  readonly rows: Counter<'outcome'>;
  readonly delivered: Counter;
  readonly recovered: Counter;
  readonly resyncs: Counter;
  readonly closed: Counter<'reason'>;
  readonly refusals: Counter<'code'>;
  readonly reloads: Counter<'outcome'>;
  readonly failures: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string): Counter =>
      new Counter({ name: `rivulet_central_realtime_${name}_total`, help, registers });
    const counterBy = <L extends string>(name: string, label: L, help: string): Counter<L> =>
      new Counter({ name: `rivulet_central_realtime_${name}_total`, help, labelNames: [label], registers });
    this.connections = new Gauge({
      name: 'rivulet_central_realtime_connections',
      help: 'Open connections of realtime clients, by transport (websocket, sse).',
      labelNames: ['transport'],
      registers,
    });
    this.topics = new Gauge({
      name: 'rivulet_central_realtime_topics',
      help: 'Topics that somebody on this process has subscribed to.',
      registers,
    });
    this.present = new Gauge({
      name: 'rivulet_central_realtime_present_users',
      help: 'Users by topic, of topics with presence, on all processes as far as this one knows.',
      registers,
    });
    this.published = counterBy(
      'published',
      'by',
      'Messages published on this process, by whom (client, server, rows, runs).',
    );
    this.rows = counterBy(
      'row_notes',
      'outcome',
      'Notes of changed rows: published, told as resync, skipped as no topic is for them, or failed and tried again.',
    );
    this.delivered = counter('delivered', 'Messages given to connections as they were published.');
    this.recovered = counter('recovered', 'Messages given to connections that had missed them.');
    this.resyncs = counter('resyncs', 'Subscribers told to read again, as history did not reach back.');
    this.closed = counterBy('closed', 'reason', 'Connections that central closed, by reason.');
    this.refusals = counterBy(
      'refusals',
      'code',
      'Handshakes and messages that were refused, by error code.',
    );
    this.reloads = counterBy('reloads', 'outcome', 'Reloads of the file of topics, by outcome.');
    this.failures = counter('failures', 'Reads and hints that failed, and are made up for later.');
    for (const transport of ['websocket', 'sse'] as const) this.connections.set({ transport }, 0);
    for (const outcome of ['published', 'resync', 'skipped', 'failed']) this.rows.inc({ outcome }, 0);
    for (const outcome of ['loaded', 'failed']) this.reloads.inc({ outcome }, 0);
  }
}
