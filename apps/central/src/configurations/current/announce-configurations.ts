import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import type { Subscription } from '@rivulet/bus';
import { namedError } from '@rivulet/platform';
import { configurationMark, CONFIGURATIONS_TOPIC } from '@rivulet/protocol';
import { CentralBus } from '../../bus/central-bus';
import { CurrentConfigurations } from './current-configurations';

const WRITE_EVERY_MS = 10_000;

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

  /** A server that was restarted has lost them, and one that was away has old ones. */
  @Interval('configuration marks', WRITE_EVERY_MS)
  async writeMarks(): Promise<void> {
    const { values } = this.bus;
    if (values === undefined || !this.bus.state.isConnected) return;
    const marks = this.current.all().map(({ name }) => [configurationMark(name), this.current.markOf(name)]);
    // The bus says in the log and in health that it is away.
    await values.write(Object.fromEntries(marks)).catch(() => undefined);
  }

  /** Never fails. */
  async announce(name: string): Promise<void> {
    await this.bus.values
      ?.write({ [configurationMark(name)]: this.current.markOf(name) })
      .catch(() => undefined);
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
