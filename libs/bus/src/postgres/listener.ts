import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describeDatabaseFailure } from '@rivulet/postgres';
import type { Pool, PoolClient } from 'pg';
import { ulid } from 'ulid';
import type { Carried, DriverEvents } from '../driver';
import { busLimits } from '../limits';
import { reconnectDelayMs } from '../reconnect-delay';
import { within } from '../within';
import { CHANNEL, decodeNotification, type Notified } from './notification';

const readBody = 'SELECT body FROM rivulet.bus_messages WHERE id = $1';

const removeOld = `
WITH messages AS (DELETE FROM rivulet.bus_messages WHERE sent_at < clock_timestamp() - interval '1 minute')
DELETE FROM rivulet.bus_claims WHERE claimed_at < clock_timestamp() - interval '1 minute'`;

/** Holds the one connection that listens, and makes it again when it is lost. */
export class PostgresListener {
  private readonly over = new AbortController();
  /** A channel of its own, on which it hears itself. */
  private readonly echoChannel = `${CHANNEL}_echo_${ulid().toLowerCase()}`;
  private echo = Promise.withResolvers<void>();
  /** Bodies that travel apart are read before what came after them is delivered. */
  private order = Promise.resolve();
  private running: Promise<void> | undefined;

  constructor(
    private readonly pool: Pool,
    private readonly deliver: (message: Carried) => void,
  ) {}

  start(events: DriverEvents): void {
    this.running = this.run(events);
  }

  async stop(): Promise<void> {
    this.over.abort();
    await this.running;
    await this.order;
  }

  private async run(events: DriverEvents): Promise<void> {
    const { signal } = this.over;
    for (let attempt = 0, isFirst = true; !signal.aborted; attempt++) {
      try {
        await this.listen(events, () => {
          if (!isFirst) events.gap('the connection to PostgreSQL was lost, and is back');
          isFirst = false;
          attempt = 0;
        });
      } catch (error) {
        events.state({ isConnected: false, reason: reasonOf(error) });
      }
      await delay(reconnectDelayMs(attempt), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Until the connection is lost, or the listener is stopped. */
  private async listen(events: DriverEvents, onListening: () => void): Promise<void> {
    const client = await this.pool.connect();
    try {
      client.on('notification', ({ channel, payload = '' }) => {
        if (channel === this.echoChannel) this.echo.resolve();
        else this.receive(payload, events);
      });
      await client.query(`LISTEN ${CHANNEL}; LISTEN ${this.echoChannel}`);
      await this.expectEcho();
      events.state({ isConnected: true });
      onListening();
      await this.keep(client);
    } finally {
      client.release(true);
    }
  }

  private async keep(client: PoolClient): Promise<void> {
    const { signal } = this.over;
    const ended = once(client, 'end', { signal }).then(() => {
      throw new Error('the connection was closed');
    });
    while (!signal.aborted) {
      const pause = delay(busLimits.heartbeatMs, undefined, { signal, ref: false });
      await Promise.race([pause, ended]).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      if (signal.aborted) return;
      await within(busLimits.heartbeatMs, client.query(removeOld));
      await this.expectEcho();
    }
  }

  /** What does not arrive makes no error: a pooler may give each transaction another session, and LISTEN is lost then. */
  private async expectEcho(): Promise<void> {
    const { publishTimeoutMs } = busLimits;
    this.echo = Promise.withResolvers();
    await within(publishTimeoutMs, this.pool.query('SELECT pg_notify($1, $2)', [this.echoChannel, '']));
    await within(publishTimeoutMs, this.echo.promise).catch(() => {
      throw new Error('notifications do not arrive. A pooler needs pool_mode = session');
    });
  }

  private receive(payload: string, events: DriverEvents): void {
    const notified = decodeNotification(payload);
    if (notified === undefined) {
      events.error(new Error('A notification came that is not a message of the bus.'), CHANNEL);
      return;
    }
    this.order = this.order.then(() => this.complete(notified, events));
  }

  private async complete(notified: Notified, events: DriverEvents): Promise<void> {
    try {
      const body = notified.body ?? (await this.bodyOf(notified.id));
      if (body === undefined) events.gap('a large message was gone before it was read');
      else this.deliver({ ...notified, body });
    } catch (error) {
      events.gap(`a large message could not be read (${reasonOf(error)})`);
    }
  }

  private async bodyOf(id: string): Promise<string | undefined> {
    const { rows } = await this.pool.query<{ body: string }>(readBody, [id]);
    return rows[0]?.body;
  }
}

function reasonOf(error: unknown): string {
  return describeDatabaseFailure(error) ?? (error instanceof Error ? error.message : String(error));
}
