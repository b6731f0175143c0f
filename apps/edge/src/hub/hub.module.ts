import { Module } from '@nestjs/common';
import { IdentityModule } from '../identity/identity.module';
import { MAC_ADDRESS } from '../identity/mac-address';
import { HUB_RETRIES, HUB_TIMEOUTS, hubRetries, hubTimeouts } from './call-limits';
import { HttpHub, type HubTimeouts } from './http-hub';
import { HUB } from './hub';
import { HubEnv } from './hub.env';
import { HubMetrics } from './hub.metrics';

/** Central, over HTTP. */
@Module({
  imports: [IdentityModule],
  providers: [
    HubMetrics,
    { provide: HUB_TIMEOUTS, useValue: hubTimeouts },
    { provide: HUB_RETRIES, useValue: hubRetries },
    {
      provide: HUB,
      inject: [HubEnv, MAC_ADDRESS, HUB_TIMEOUTS, HubMetrics],
      useFactory: (
        { centralUrl, maxRowBytes }: HubEnv,
        macAddress: string,
        timeouts: HubTimeouts,
        metrics: HubMetrics,
      ) => {
        const onReceived = (bytes: number): void => metrics.received(bytes);
        return new HttpHub({ centralUrl, macAddress, maxRowBytes, ...timeouts, onReceived });
      },
    },
  ],
  exports: [HUB, HUB_RETRIES],
})
export class HubModule {
  static readonly environment = [HubEnv];
}
