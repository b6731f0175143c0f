import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { openBus, type Bus, type BusValues } from '@rivulet/bus';
import { RivuletError } from '@rivulet/errors';
import { configurationMark, CONFIGURATIONS_TOPIC } from '@rivulet/protocol';
import { ConfigurationEnv, type DistributionStrategy } from './configuration.env';
import { ConfigurationService } from './configuration.service';

const schemes: Record<DistributionStrategy, RegExp | undefined> = {
  LIVE: undefined,
  POLLER: undefined,
  REDIS: /^rediss?:/,
  NATS: /^(nats|tls):/,
};

const LOOK_EVERY_MS = 10_000;

/**
 * Listens for changes of the configuration on the bus of central, by the strategy. An announcement is a hint that makes a
 * poll happen now: what it says is not believed, and one that is lost costs at most the interval.
 */
@Injectable()
export class ConfigurationAnnouncements implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Configuration');
  private readonly stopping = new AbortController();
  private bus: Bus | undefined;
  private watching: Promise<void> | undefined;

  /** @throws RivuletError ENVIRONMENT_INVALID where the strategy has no bus of its kind */
  constructor(
    private readonly env: ConfigurationEnv,
    private readonly configuration: ConfigurationService,
  ) {
    const scheme = schemes[env.strategy];
    if (scheme === undefined || (env.busUrl !== undefined && scheme.test(env.busUrl))) return;
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      `DISTRIBUTION_STRATEGY is ${env.strategy}, and EDGE_BUS_URL is not the URL of such a server.`,
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    const { strategy, busUrl, busQueueGroup: queueGroup, name } = this.env;
    if (!this.configuration.isActive || schemes[strategy] === undefined || busUrl === undefined) return;
    this.bus = await openBus({
      url: busUrl,
      databaseUrl: '',
      onState: (state) => {
        if (state.isConnected) this.logger.log(`Hears of changes by ${strategy}`);
        else
          this.logger.warn(
            { code: 'BUS_UNAVAILABLE' },
            `Changes are noticed by polls alone: ${state.reason}`,
          );
      },
    });
    const poll = (): void => this.configuration.pollNow();
    await this.bus.subscribe(`${CONFIGURATIONS_TOPIC}.${name}`, poll, {
      onGap: poll,
      ...(queueGroup !== undefined && { queueGroup }),
    });
    if (this.bus.values !== undefined) this.watching = this.watchMark(this.bus.values);
  }

  /** As agents of the documents do: a value in Redis says whether there is something new, without a request to central. */
  private async watchMark(values: BusValues): Promise<void> {
    const { signal } = this.stopping;
    let seen: string | null | undefined;
    while (!signal.aborted) {
      const mark = await values.read(configurationMark(this.env.name)).catch(() => seen);
      if (mark !== null && mark !== seen && seen !== undefined) this.configuration.pollNow();
      seen = mark ?? seen ?? null;
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.watching;
    await this.bus?.close();
  }
}
