import type { Outgoing, Receiver } from '../../src/realtime/delivery/receiver';
import type { ServerMessage } from '../../src/realtime/protocol/server-message';

/** A connection that keeps what it gets, and knows up to where it has each topic, as a client does. */
export class MemoryReceiver implements Receiver {
  readonly told: ServerMessage[] = [];
  /** Data by topic, and what a client may not get: a gap, or something twice. */
  readonly received = new Map<string, unknown[]>();
  readonly violations: string[] = [];
  readonly resyncs: string[] = [];
  isClosed = false;
  hasRoom = true;

  constructor(
    /** Outlives the connection. */
    readonly positions = new Map<string, { epoch: string; position: number }>(),
  ) {}

  deliver({ epoch, message }: Outgoing): void {
    const { topic, position, data } = message;
    const known = this.positions.get(topic);
    if (this.isClosed) return;
    if (known !== undefined && (known.epoch !== epoch || known.position + 1 !== position))
      this.violations.push(`${topic}: ${position} of ${epoch} after ${known.position} of ${known.epoch}`);
    this.positions.set(topic, { epoch, position });
    this.received.set(topic, [...(this.received.get(topic) ?? []), JSON.parse(data)]);
  }

  tell(message: ServerMessage): void {
    if (this.isClosed) return;
    this.told.push(message);
    if (message.type === 'subscribe' && message.positions === undefined) {
      const { topic, epoch, position, recovered } = message;
      if (recovered === false) this.resyncs.push(topic);
      this.positions.set(topic, { epoch, position });
    } else if (message.type === 'sync' && 'resync' in message) {
      const { topic, epoch, position } = message;
      this.resyncs.push(topic);
      this.positions.set(topic, { epoch, position });
    }
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }
}
