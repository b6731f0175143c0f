import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Subscription } from '@rivulet/bus';
import { namedError } from '@rivulet/platform';
import { CONFIGURATIONS_TOPIC } from '@rivulet/protocol';
import { CentralBus } from '../../bus/central-bus';
import { CurrentConfigurations } from './current-configurations';

/** Tells the other processes of central, and agents that listen on the bus, that a configuration has changed. A hint: all of them poll, too. */
@Injectable()
export class AnnounceConfigurations implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Configurations');
  private subscription: Subscription | undefined;

  constructor(
    private readonly bus: CentralBus,
    private readonly current: CurrentConfigurations,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const look = (): Promise<void> => this.current.lookInBackground();
    this.subscription = await this.bus.subscribe(`${CONFIGURATIONS_TOPIC}.*`, look, {
      onGap: () => void look(),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.subscription?.close();
  }

  /** Never fails. */
  async announce(name: string): Promise<void> {
    try {
      await this.bus.publish(`${CONFIGURATIONS_TOPIC}.${name}`, {
        name,
        generation: this.current.generationOf(name),
      });
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn(
        { code },
        `A change of ${name} was not announced; devices learn of it when they ask: ${message}`,
      );
    }
  }
}
