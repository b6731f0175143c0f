import type { Session } from '../../src/realtime/delivery/session';
import { MemoryReceiver } from './memory-receiver';

/** A client of one topic that comes back with its last position, now and then at another process. */
export class ReconnectingClient {
  readonly positions = new Map<string, { epoch: string; position: number }>();
  readonly receivers: MemoryReceiver[] = [];
  session: Session | undefined;
  private turn: Promise<void> = Promise.resolve();

  constructor(
    readonly topic: string,
    private readonly open: (receiver: MemoryReceiver, hub: number) => Session,
  ) {}

  get received(): number[] {
    return this.receivers.flatMap(({ received }) => (received.get(this.topic) ?? []) as number[]);
  }

  get violations(): string[] {
    return this.receivers.flatMap(({ violations, resyncs }) => [...violations, ...resyncs]);
  }

  connect(hub: number): Promise<void> {
    const connect = async (): Promise<void> => {
      this.session?.close();
      const before = this.receivers.at(-1);
      if (before !== undefined) before.isClosed = true;
      const receiver = new MemoryReceiver(this.positions);
      this.receivers.push(receiver);
      this.session = this.open(receiver, hub);
      const known = this.positions.get(this.topic);
      await this.session.subscribe(this.topic, known && { ...known, positions: new Map() });
    };
    this.turn = this.turn.then(connect);
    return this.turn;
  }
}
