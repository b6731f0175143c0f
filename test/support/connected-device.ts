import { Registry } from 'prom-client';
import type { CollectionService } from '../../apps/edge/src/collection/collection.service';
import type { ConfigurationService } from '../../apps/edge/src/configuration/configuration.service';
import type { CallAuthentication } from '../../apps/edge/src/hub/call-authentication';
import { HubEnv } from '../../apps/edge/src/hub/hub.env';
import type { DeviceFigures } from '../../apps/edge/src/live/device-figures';
import { LiveConnection } from '../../apps/edge/src/live/live-connection';
import { LiveMetrics } from '../../apps/edge/src/live/live.metrics';
import type { NudgedSync } from '../../apps/edge/src/live/nudged-sync';
import { validRequest } from './device-client';

/** The connection of an edge as it is, without its database: a nudge makes it ask what it should have. */
export class ConnectedDevice {
  /** HTTP statuses of its requests. */
  readonly answers: number[] = [];
  private readonly connection: LiveConnection;

  constructor(
    private readonly centralUrl: string,
    readonly macAddress: string,
  ) {
    const headers = { 'x-device-mac': macAddress };
    this.connection = new LiveConnection(
      { isEnabled: true },
      Object.assign(new HubEnv(), { centralUrl }),
      { read: () => Promise.resolve({ last_cycle: 'current' }) } as unknown as DeviceFigures,
      { nudge: () => void this.ask() } as unknown as NudgedSync,
      {} as CollectionService,
      { hear: () => undefined } as unknown as ConfigurationService,
      new LiveMetrics(new Registry()),
      { headers: () => Promise.resolve(headers), renew: () => undefined } as unknown as CallAuthentication,
      macAddress,
    );
  }

  get isConnected(): boolean {
    return this.connection.state.isConnected;
  }

  connect(): void {
    this.connection.onApplicationBootstrap();
  }

  /** Its first registers it. */
  async ask(): Promise<void> {
    try {
      const response = await fetch(`${this.centralUrl}/api/device-sync/request`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-device-mac': this.macAddress },
        body: JSON.stringify(validRequest),
      });
      await response.text();
      this.answers.push(response.status);
    } catch {
      // The central that was killed had the connection; an edge asks again by its schedule.
    }
  }

  async stop(): Promise<void> {
    await this.connection.onModuleDestroy();
  }
}
