import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { TransportKind } from './sessions/agent-transport';

/** Connections of agents and edges, and what goes over them. */
@Injectable()
export class LiveMetrics {
  readonly sessions: Gauge<'transport'>;
  readonly messages: Counter<'type' | 'direction'>;
  readonly refusals: Counter<'code'>;
  readonly proofs: Histogram;
  private readonly ended: Counter<'transport' | 'reason'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.sessions = new Gauge({
      name: 'rivulet_central_agent_sessions',
      help: 'Registered agents and edges that are connected to this process, by transport.',
      labelNames: ['transport'],
      registers,
    });
    this.messages = new Counter({
      name: 'rivulet_central_agent_messages_total',
      help: 'Messages of the agent protocol, by type and direction (in, out).',
      labelNames: ['type', 'direction'],
      registers,
    });
    this.refusals = new Counter({
      name: 'rivulet_central_agent_refusals_total',
      help: 'Connections and messages of agents that were refused, by error code.',
      labelNames: ['code'],
      registers,
    });
    this.proofs = new Histogram({
      name: 'rivulet_central_published_to_proved_seconds',
      help: 'Time from the commit of a change until a device that was nudged for it has proved its rows.',
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    });
    this.ended = new Counter({
      name: 'rivulet_central_agent_sessions_ended_total',
      help: 'Connections that ended, by transport and reason (left, silent, slow, refused, replaced, draining).',
      labelNames: ['transport', 'reason'],
      registers,
    });
    for (const transport of ['tcp', 'websocket'] as const) this.sessions.set({ transport }, 0);
  }

  end(transport: TransportKind, reason: string): void {
    this.ended.inc({ transport, reason });
  }
}
