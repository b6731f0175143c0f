import { Module } from '@nestjs/common';
import { HubModule } from '../hub/hub.module';
import { IdentityModule } from '../identity/identity.module';
import { DeviceFigures } from './device-figures';
import { LiveConnection } from './live-connection';
import { LiveEnv } from './live.env';
import { LiveIndicator } from './live.indicator';
import { LiveMetrics } from './live.metrics';
import { NudgedSync } from './nudged-sync';

/**
 * The connection over which central is told how this device is, and says when to sync. The parts that it may have something
 * for are global: an edge need not have all of them.
 */
@Module({
  imports: [HubModule, IdentityModule],
  providers: [DeviceFigures, LiveConnection, LiveIndicator, LiveMetrics, NudgedSync],
  exports: [LiveConnection, LiveIndicator, NudgedSync],
})
export class LiveModule {
  static readonly environment = [LiveEnv];
  static readonly indicators = [LiveIndicator];
}
