import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import {
  openBus,
  type Bus,
  type BusBody,
  type BusState,
  type BusValues,
  type MessageHandler,
  type SubscribeOptions,
  type Subscription,
} from '@rivulet/bus';
import { namedError } from '@rivulet/platform';
import type { BusOptions } from './bus-options';
import { BusMetrics, subjectOf } from './bus.metrics';

/**
 * The bus between the processes of central, opened once and connected in the background. It closes after the modules have
 * been destroyed, so that they can publish until then.
 */
@Injectable()
export class CentralBus implements Bus, OnApplicationShutdown {
  private readonly logger = new Logger('Bus');
  private bus: Bus;
  private stateSince = new Date();

  private constructor(private readonly metrics: BusMetrics) {
    this.metrics.connected.set(0);
  }

  static async open({ url, databaseUrl }: BusOptions, metrics: BusMetrics): Promise<CentralBus> {
    const central = new CentralBus(metrics);
    central.bus = await openBus({
      url,
      databaseUrl,
      onState: (state) => central.changed(state),
      onError: (error, topic) => central.failed(error, topic),
    });
    return central;
  }

  get name(): string {
    return this.bus.name;
  }

  get state(): BusState {
    return this.bus.state;
  }

  get values(): BusValues | undefined {
    return this.bus.values;
  }

  /** Since when the state is what it is. */
  get since(): Date {
    return this.stateSince;
  }

  async publish(topic: string, body: BusBody): Promise<void> {
    try {
      await this.bus.publish(topic, body);
      this.metrics.countPublished(topic, 'sent');
    } catch (error) {
      this.metrics.countPublished(topic, 'failed');
      throw error;
    }
  }

  subscribe(pattern: string, handler: MessageHandler, options: SubscribeOptions = {}): Promise<Subscription> {
    return this.bus.subscribe(
      pattern,
      (message) => {
        this.metrics.delivered.inc({ subject: subjectOf(message.topic) });
        return handler(message);
      },
      {
        ...options,
        onGap: (reason) => {
          this.metrics.gaps.inc();
          options.onGap?.(reason);
        },
      },
    );
  }

  close(): Promise<void> {
    return this.bus.close();
  }

  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  private changed(state: BusState): void {
    this.stateSince = new Date();
    this.metrics.connected.set(state.isConnected ? 1 : 0);
    if (state.isConnected) this.logger.log(`Connected to the bus at ${this.bus.name}`);
    else {
      this.logger.warn(
        { code: 'BUS_UNAVAILABLE' },
        `The bus at ${this.bus.name} is not available: ${state.reason}. Messages between processes of central are missing; schedules and polls go on.`,
      );
    }
  }

  private failed(error: unknown, topic: string): void {
    this.metrics.failures.inc({ subject: subjectOf(topic) });
    const { code, message } = namedError(error);
    this.logger.error({ code, err: error }, `A message to ${topic} was not handled: ${message}`);
  }
}
