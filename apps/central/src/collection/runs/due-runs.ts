import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Subscription } from '@rivulet/bus';
import { namedError } from '@rivulet/platform';
import { CentralBus } from '../../bus/central-bus';

const TOPIC = 'collection.due';

/** Tells all processes of central that networks may have something to do. A hint: all of them look by themselves, too. */
@Injectable()
export class DueRuns implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Collection');
  private readonly listeners: (() => void)[] = [];
  private subscription: Subscription | undefined;

  constructor(private readonly bus: CentralBus) {}

  async onApplicationBootstrap(): Promise<void> {
    const onGap = (): void => this.noticed();
    this.subscription = await this.bus.subscribe(TOPIC, onGap, { onGap });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.subscription?.close();
  }

  onDue(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** In this process: a network is done, and its place in the run is free. */
  noticed(): void {
    for (const listener of this.listeners) listener();
  }

  /** A run has begun. Never fails. */
  async announce(): Promise<void> {
    this.noticed();
    try {
      await this.bus.publish(TOPIC, {});
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.debug({ code }, `A run was not announced; networks learn of it when they ask: ${message}`);
    }
  }
}
