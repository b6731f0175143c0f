import { RealtimeClient } from '@rivulet/realtime-client';
import { realtimeToken } from './realtime-tokens';

/** Follows some topics, and notes what a client may not get. */
export class RealtimeFollower {
  readonly received = new Map<string, number[]>();
  readonly violations: string[] = [];
  /** How often history had ended. */
  resyncs = 0;
  private readonly positions = new Map<string, number>();
  /** Positions that the client was told to read in another way. */
  private readonly skipped = new Map<string, Set<number>>();
  private readonly client: RealtimeClient;
  private readonly ready: Promise<unknown>;

  constructor(
    url: string,
    userId: string,
    readonly topics: readonly string[],
    { mayResync = () => false }: { mayResync?: (topic: string) => boolean } = {},
  ) {
    this.client = new RealtimeClient({
      url,
      token: () => realtimeToken(userId),
      firstDelayMs: 20,
      maxDelayMs: 200,
    });
    const { positions } = this;
    this.ready = Promise.all(
      topics.map(
        (topic) =>
          new Promise<void>((onReady) =>
            this.client.subscribe<number>(topic, {
              onReady,
              onResync: (_, position) => {
                if (!mayResync(topic)) this.violations.push(`${topic} has history, and was to be read again`);
                this.skipTo(topic, position);
              },
              onMessage: ({ position, data }) => {
                const before = positions.get(topic) ?? 0;
                if (position !== before + 1) this.violations.push(`${topic}: ${position} after ${before}`);
                positions.set(topic, position);
                this.received.set(topic, [...(this.received.get(topic) ?? []), data]);
              },
            }),
          ),
      ),
    );
  }

  async start(): Promise<void> {
    await this.ready;
  }

  publish(topic: string, number: number): Promise<number> {
    return this.client.publish(topic, number);
  }

  /** Whether it has come to the end of a topic, if it follows it. */
  hasAll(topic: string, expected: readonly number[]): boolean {
    return !this.topics.includes(topic) || (this.positions.get(topic) ?? 0) >= expected.length;
  }

  /** The positions at which it has something else than was published, unless it was told to read them in another way. */
  missedOf(topic: string, expected: readonly number[]): number[] {
    const received = (this.received.get(topic) ?? []).values();
    const skipped = this.skipped.get(topic);
    const positions = expected.map((_, index) => index + 1).filter((position) => !skipped?.has(position));
    return positions.filter((position) => received.next().value !== expected[position - 1]);
  }

  private skipTo(topic: string, position: number): void {
    this.resyncs++;
    const skipped = this.skipped.get(topic) ?? new Set();
    for (let next = (this.positions.get(topic) ?? 0) + 1; next <= position; next++) skipped.add(next);
    this.skipped.set(topic, skipped);
    this.positions.set(topic, position);
  }

  stop(): void {
    this.client.close();
  }
}
