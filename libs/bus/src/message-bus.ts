import { RivuletError } from '@rivulet/errors';
import { monotonicFactory } from 'ulid';
import type {
  Bus,
  BusBody,
  BusEvents,
  BusState,
  BusValues,
  MessageHandler,
  SubscribeOptions,
  Subscription,
} from './bus';
import { MessageQueue } from './delivery/message-queue';
import type { BusDriver } from './driver';
import { busLimits } from './limits';
import { checkPattern, checkTopic } from './topic';
import { within } from './within';

interface Subscribed {
  queue: MessageQueue;
  onGap: (reason: string) => void;
}

/** The part that all drivers share: names, limits, the queues of subscriptions, and the state. */
export class MessageBus implements Bus {
  state: BusState = { isConnected: false, reason: 'not connected yet' };
  private readonly newId = monotonicFactory();
  private readonly subscribed = new Set<Subscribed>();
  private closing: Promise<void> | undefined;
  private hasTold = false;
  private unsentMessages = 0;
  private unsentBytes = 0;

  constructor(
    readonly name: string,
    private readonly driver: BusDriver,
    private readonly events: BusEvents = {},
  ) {
    driver.start({
      state: (state) => this.changeState(state),
      gap: (reason) => this.tellAll(reason),
      error: (error, topic) => this.events.onError?.(error, topic),
    });
  }

  get values(): BusValues | undefined {
    return this.driver.values;
  }

  async publish(topic: string, body: BusBody): Promise<void> {
    checkTopic(topic);
    const text = JSON.stringify(body);
    const bytes = Buffer.byteLength(text);
    if (bytes > busLimits.maxMessageBytes)
      throw new TypeError(`A message to "${topic}" has more than ${busLimits.maxMessageBytes} bytes.`);
    if (!this.state.isConnected) throw this.unavailable(this.state.reason);
    if (
      this.unsentMessages >= busLimits.maxUnsentMessages ||
      this.unsentBytes + bytes > busLimits.maxUnsentBytes
    )
      throw this.unavailable('too many messages wait to be sent');
    this.unsentMessages++;
    this.unsentBytes += bytes;
    try {
      await within(busLimits.publishTimeoutMs, this.driver.send({ id: this.newId(), topic, body: text }));
    } catch (error) {
      throw this.unavailable(error instanceof Error ? error.message : String(error), error);
    } finally {
      this.unsentMessages--;
      this.unsentBytes -= bytes;
    }
  }

  async subscribe(
    pattern: string,
    handler: MessageHandler,
    { queueGroup, onGap = () => undefined }: SubscribeOptions = {},
  ): Promise<Subscription> {
    checkPattern(pattern);
    if (queueGroup !== undefined) checkTopic(queueGroup);
    if (this.closing !== undefined) throw new TypeError('The bus is closed.');
    const onError = (error: unknown, topic: string): void => this.events.onError?.(error, topic);
    let queue: MessageQueue | undefined;
    const listening = await this.driver.listen(pattern, queueGroup, (message) => queue?.push(message));
    queue = new MessageQueue({ handler, claim: listening.claim, onGap, onError });
    const subscribed = { queue, onGap };
    this.subscribed.add(subscribed);
    return {
      close: async () => {
        this.subscribed.delete(subscribed);
        await Promise.all([subscribed.queue.close(), listening.stop()]);
      },
    };
  }

  close(): Promise<void> {
    this.closing ??= this.drainAndStop();
    return this.closing;
  }

  private async drainAndStop(): Promise<void> {
    this.state = { isConnected: false, reason: 'it is closed' };
    const queues = [...this.subscribed].map(({ queue }) => queue);
    const drained = Promise.all(queues.map((queue) => queue.drain()));
    await within(busLimits.closeTimeoutMs, drained).catch(() => undefined);
    for (const queue of queues) void queue.close();
    await this.driver.stop();
  }

  private changeState(state: BusState): void {
    if (this.closing !== undefined) return;
    const before = this.state;
    this.state = state;
    if (this.hasTold && before.isConnected === state.isConnected) return;
    this.hasTold = true;
    this.events.onState?.(state);
  }

  private tellAll(reason: string): void {
    for (const { onGap } of this.subscribed) onGap(reason);
  }

  private unavailable(reason: string, cause?: unknown): RivuletError {
    return new RivuletError('BUS_UNAVAILABLE', `The bus at ${this.name} is not available: ${reason}.`, {
      cause,
    });
  }
}
