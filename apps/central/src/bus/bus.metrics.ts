import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';

type Outcome = 'sent' | 'failed';

/** Messages between central and its bus, counted by the first word of the topic. */
@Injectable()
export class BusMetrics {
  readonly connected: Gauge;
  readonly delivered: Counter<'subject'>;
  readonly failures: Counter<'subject'>;
  readonly gaps: Counter;
  private readonly published: Counter<'subject' | 'outcome'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.connected = new Gauge({
      name: 'rivulet_central_bus_connected',
      help: '1 while central is connected to the server of its bus.',
      registers,
    });
    this.published = new Counter({
      name: 'rivulet_central_bus_published_total',
      help: 'Messages that central gave to the bus, by subject and outcome (sent, failed).',
      labelNames: ['subject', 'outcome'],
      registers,
    });
    this.delivered = new Counter({
      name: 'rivulet_central_bus_delivered_total',
      help: 'Messages that the bus brought to a subscription of central, by subject.',
      labelNames: ['subject'],
      registers,
    });
    this.failures = new Counter({
      name: 'rivulet_central_bus_failures_total',
      help: 'Messages from the bus that could not be read, or whose handling failed, by subject.',
      labelNames: ['subject'],
      registers,
    });
    this.gaps = new Counter({
      name: 'rivulet_central_bus_gaps_total',
      help: 'Times that a subscription may have missed messages, and read its state from the store.',
      registers,
    });
  }

  countPublished(topic: string, outcome: Outcome): void {
    this.published.inc({ subject: subjectOf(topic), outcome });
  }
}

export function subjectOf(topic: string): string {
  return topic.split('.', 1)[0]!;
}
