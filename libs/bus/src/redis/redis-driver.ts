import { Redis } from 'ioredis';
import type { BusValues } from '../bus';
import { decodeCarried, encodeCarried } from '../carried-text';
import type { BusDriver, Carried, DriverEvents, Listening } from '../driver';
import { busLimits } from '../limits';
import { matchesTopic } from '../topic';
import { within } from '../within';
import { redisOptions } from './redis-options';

const PREFIX = 'rivulet.';
const CLAIM_SECONDS = 60;

interface Listener {
  pattern: string;
  deliver: (message: Carried) => void;
}

/** The bus over Redis or Valkey: https://redis.io/docs/latest/develop/pubsub/ */
export class RedisDriver implements BusDriver {
  readonly values: BusValues = {
    write: async (values) => {
      const keys = Object.entries(values).map(([name, value]) => [PREFIX + name, value] as const);
      if (keys.length > 0) await within(busLimits.publishTimeoutMs, this.publisher.mset(...keys.flat()));
    },
    read: (name) => within(busLimits.publishTimeoutMs, this.publisher.get(PREFIX + name)),
  };
  private readonly publisher: Redis;
  private readonly subscriber: Redis;
  private readonly listeners = new Set<Listener>();
  private events: DriverEvents | undefined;
  private readonly heartbeat: NodeJS.Timeout;

  constructor(url: URL) {
    this.publisher = new Redis(url.href, { ...redisOptions, enableOfflineQueue: false });
    this.subscriber = new Redis(url.href, { ...redisOptions, autoResubscribe: true });
    this.heartbeat = setInterval(() => this.expectAnswers(), busLimits.heartbeatMs).unref();
  }

  start(events: DriverEvents): void {
    this.events = events;
    let isFirst = true;
    const ready = async (): Promise<void> => {
      if (!this.isReady) return;
      // The client is ready as soon as it has sent its subscriptions.
      await within(busLimits.publishTimeoutMs, this.subscriber.ping()).catch(() => undefined);
      if (!this.isReady) return;
      events.state({ isConnected: true });
      if (!isFirst) events.gap('the connection to Redis was lost, and is back');
      isFirst = false;
    };
    this.subscriber.on('pmessage', this.receive.bind(this));
    for (const client of [this.publisher, this.subscriber]) {
      let reason = 'the connection to Redis was lost';
      client.on('error', (error: Error) => (reason = error.message));
      client.on('close', () => events.state({ isConnected: false, reason }));
      client.on('ready', () => void ready());
      void client.connect().catch(() => undefined);
    }
  }

  async send(message: Carried): Promise<void> {
    await this.publisher.publish(PREFIX + message.topic, encodeCarried(message));
  }

  async listen(
    pattern: string,
    queueGroup: string | undefined,
    deliver: Listener['deliver'],
  ): Promise<Listening> {
    const listener = { pattern, deliver };
    this.listeners.add(listener);
    await this.subscribe(globOf(pattern));
    return {
      ...(queueGroup !== undefined && { claim: (id: string) => this.claim(queueGroup, id) }),
      stop: () => this.forget(listener),
    };
  }

  async stop(): Promise<void> {
    clearInterval(this.heartbeat);
    for (const client of [this.publisher, this.subscriber]) client.disconnect();
    return Promise.resolve();
  }

  private get isReady(): boolean {
    return this.publisher.status === 'ready' && this.subscriber.status === 'ready';
  }

  /** While disconnected it waits in the client's queue, which is not waited for. */
  private async subscribe(glob: string): Promise<void> {
    const subscribed = this.subscriber.psubscribe(glob).catch(() => undefined);
    if (this.subscriber.status === 'ready') await within(busLimits.publishTimeoutMs, subscribed);
  }

  private async forget(listener: Listener): Promise<void> {
    this.listeners.delete(listener);
    const glob = globOf(listener.pattern);
    const isShared = [...this.listeners].some(({ pattern }) => globOf(pattern) === glob);
    if (!isShared && this.subscriber.status === 'ready') await this.subscriber.punsubscribe(glob);
  }

  private receive(glob: string, channel: string, text: string): void {
    const topic = channel.slice(PREFIX.length);
    try {
      const message = decodeCarried(topic, text);
      for (const { pattern, deliver } of this.listeners)
        if (globOf(pattern) === glob && matchesTopic(pattern, topic)) deliver(message);
    } catch (error) {
      this.events?.error(error, topic);
    }
  }

  private async claim(queueGroup: string, messageId: string): Promise<boolean> {
    const key = `${PREFIX}claim:${queueGroup}:${messageId}`;
    return (await this.publisher.set(key, '', 'EX', CLAIM_SECONDS, 'NX')) === 'OK';
  }

  private expectAnswers(): void {
    for (const client of [this.publisher, this.subscriber]) {
      if (client.status !== 'ready') continue;
      within(busLimits.heartbeatMs, client.ping()).catch(() => client.disconnect(true));
    }
  }
}

/** A glob's star passes dots, too: what it lets through in addition is sorted out by the pattern. */
function globOf(pattern: string): string {
  return PREFIX + pattern.replace(/>$/, '*');
}
