import { connect, type NatsConnection, type Status } from '@nats-io/transport-node';
import { decodeCarried, encodeCarried } from '../carried-text';
import type { BusDriver, Carried, DriverEvents, Listening } from '../driver';
import { busLimits } from '../limits';
import { reconnectDelayMs } from '../reconnect-delay';
import { within } from '../within';
import { natsOptions } from './nats-options';

const PREFIX = 'rivulet.';

interface Listener {
  subject: string;
  queueGroup: string | undefined;
  deliver: (message: Carried) => void;
  /** None yet while the first connection is being made. */
  stop?: () => void;
}

/** The bus over NATS core: https://docs.nats.io/nats-concepts/core-nats */
export class NatsDriver implements BusDriver {
  private readonly listeners = new Set<Listener>();
  private connection: NatsConnection | undefined;
  private connecting: Promise<void> | undefined;
  private events: DriverEvents | undefined;
  private isStopped = false;

  constructor(private readonly url: URL) {}

  start(events: DriverEvents): void {
    this.events = events;
    this.connecting = this.connect(events);
  }

  async send(message: Carried): Promise<void> {
    if (this.connection === undefined) throw new Error('not connected yet');
    this.connection.publish(PREFIX + message.topic, encodeCarried(message));
    await this.connection.flush();
  }

  async listen(
    pattern: string,
    queueGroup: string | undefined,
    deliver: Listener['deliver'],
  ): Promise<Listening> {
    const listener: Listener = { subject: PREFIX + pattern, queueGroup, deliver };
    this.listeners.add(listener);
    if (this.connection !== undefined) await this.subscribe(this.connection, listener);
    return {
      stop: () => {
        this.listeners.delete(listener);
        listener.stop?.();
        return Promise.resolve();
      },
    };
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.connection?.close();
    await this.connecting;
  }

  /** Resolves when the server knows; while the connection is lost, the client tells it later by itself. */
  private async subscribe(connection: NatsConnection, listener: Listener): Promise<void> {
    const subscription = connection.subscribe(listener.subject, {
      ...(listener.queueGroup !== undefined && { queue: listener.queueGroup }),
      callback: (error, message) => {
        const topic = message.subject.slice(PREFIX.length);
        try {
          if (error !== null) throw error;
          listener.deliver(decodeCarried(topic, message.string()));
        } catch (cause) {
          this.events?.error(cause, topic);
        }
      },
    });
    listener.stop = () => subscription.unsubscribe();
    await settled(connection);
  }

  /** The client connects again by itself, once it has been connected. */
  private async connect(events: DriverEvents): Promise<void> {
    for (let attempt = 0; !this.isStopped; attempt++) {
      try {
        this.connection = await connect(natsOptions(this.url));
        break;
      } catch (error) {
        events.state({ isConnected: false, reason: (error as Error).message });
        await new Promise((resolve) => setTimeout(resolve, reconnectDelayMs(attempt)).unref());
      }
    }
    if (this.connection === undefined) return;
    if (this.isStopped) return this.connection.close();
    for (const listener of this.listeners) await this.subscribe(this.connection, listener);
    events.state({ isConnected: true });
    for await (const status of this.connection.status()) {
      // The client is back as soon as it has sent its subscriptions.
      if (status.type === 'reconnect') await settled(this.connection);
      tell(status, events);
    }
  }
}

/** Until the server has what was sent to it, as far as it answers. */
async function settled(connection: NatsConnection): Promise<void> {
  await within(busLimits.publishTimeoutMs, connection.flush()).catch(() => undefined);
}

function tell(status: Status, events: DriverEvents): void {
  if (status.type === 'disconnect' || status.type === 'staleConnection')
    events.state({ isConnected: false, reason: 'the connection to NATS was lost' });
  if (status.type === 'error') events.error(status.error, 'nats');
  if (status.type !== 'reconnect') return;
  events.state({ isConnected: true });
  events.gap('the connection to NATS was lost, and is back');
}
