import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class HubMetrics {
  private readonly payloadBytes: Counter;

  constructor(registry: Registry) {
    this.payloadBytes = new Counter({
      name: 'rivulet_edge_payload_received_bytes_total',
      help: 'Bytes of payloads received from central, including those of broken downloads.',
      registers: [registry],
    });
  }

  received(bytes: number): void {
    this.payloadBytes.inc(bytes);
  }
}
