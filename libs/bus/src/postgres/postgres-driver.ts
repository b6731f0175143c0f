import { createPool } from '@rivulet/postgres';
import type { BusDriver, Carried, DriverEvents, Listening } from '../driver';
import { matchesTopic } from '../topic';
import { PostgresListener } from './listener';
import { PostgresPublisher } from './publisher';

const claimMessage = `
INSERT INTO rivulet.bus_claims (queue_group, message_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`;

/** One listens, one sends, one claims or reads what is large. */
const CONNECTIONS = 3;

interface Listener {
  pattern: string;
  deliver: (message: Carried) => void;
}

/**
 * The bus over LISTEN and NOTIFY, which is always there. Every process gets every message, and keeps those that somebody
 * in it has subscribed to.
 */
export class PostgresDriver implements BusDriver {
  private readonly pool;
  private readonly publisher;
  private readonly listener;
  private readonly listeners = new Set<Listener>();

  constructor(url: string) {
    this.pool = createPool({ url, applicationName: 'rivulet bus', maxConnections: CONNECTIONS });
    this.publisher = new PostgresPublisher(this.pool);
    this.listener = new PostgresListener(this.pool, (message) => this.deliver(message));
  }

  start(events: DriverEvents): void {
    this.listener.start(events);
  }

  send(message: Carried): Promise<void> {
    return this.publisher.send(message);
  }

  listen(pattern: string, queueGroup: string | undefined, deliver: Listener['deliver']): Promise<Listening> {
    const listener = { pattern, deliver };
    this.listeners.add(listener);
    return Promise.resolve({
      ...(queueGroup !== undefined && { claim: (id: string) => this.claim(queueGroup, id) }),
      stop: () => Promise.resolve(void this.listeners.delete(listener)),
    });
  }

  async stop(): Promise<void> {
    await this.listener.stop();
    await this.pool.end();
  }

  private deliver(message: Carried): void {
    for (const { pattern, deliver } of this.listeners)
      if (matchesTopic(pattern, message.topic)) deliver(message);
  }

  private async claim(queueGroup: string, messageId: string): Promise<boolean> {
    const { rowCount } = await this.pool.query(claimMessage, [queueGroup, messageId]);
    return rowCount === 1;
  }
}
