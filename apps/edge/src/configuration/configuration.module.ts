import { Global, Module } from '@nestjs/common';
import { HUB_TIMEOUTS } from '../hub/call-limits';
import { CentralTrust } from '../hub/central-trust';
import type { HubTimeouts } from '../hub/http-hub';
import { HubEnv } from '../hub/hub.env';
import { HubModule } from '../hub/hub.module';
import { DeviceIdentity } from '../identity/device-identity';
import { IdentityModule } from '../identity/identity.module';
import { ConfigurationAnnouncements } from './configuration-announcements';
import { ConfigurationController } from './configuration.controller';
import { ConfigurationEnv } from './configuration.env';
import { ConfigurationIndicator } from './configuration.indicator';
import { ConfigurationMetrics } from './configuration.metrics';
import { ConfigurationService } from './configuration.service';
import { ConfigurationCache } from './statement/configuration-cache';

/** The configuration of this device's workers. */
@Global()
@Module({
  imports: [HubModule, IdentityModule],
  controllers: [ConfigurationController],
  providers: [
    {
      provide: ConfigurationCache,
      inject: [
        ConfigurationEnv,
        HubEnv,
        CentralTrust,
        HUB_TIMEOUTS,
        { token: DeviceIdentity, optional: true },
      ],
      useFactory: openCache,
    },
    ConfigurationService,
    ConfigurationAnnouncements,
    ConfigurationMetrics,
    ConfigurationIndicator,
  ],
  exports: [ConfigurationIndicator, ConfigurationService],
})
export class ConfigurationModule {
  static readonly environment = [ConfigurationEnv];
  static readonly indicators = [ConfigurationIndicator];
}

async function openCache(
  { directory, name, workerUrls }: ConfigurationEnv,
  { centralKey }: HubEnv,
  trust: CentralTrust,
  { idleTimeoutMs }: HubTimeouts,
  identity?: DeviceIdentity,
): Promise<ConfigurationCache> {
  if (workerUrls.length === 0) return ConfigurationCache.unused();
  return ConfigurationCache.open(directory, () => ({
    name,
    deviceId: identity?.enrolment?.deviceId,
    trustedKey: trust.current(centralKey ?? identity?.enrolment?.centralKey),
    follow: (trusted, signedBy) =>
      trust.follow(trusted, signedBy, AbortSignal.timeout(idleTimeoutMs), identity?.enrolment?.centralId),
    followKept: async (trusted, signedBy) => trust.refuseUnlinked(trusted, signedBy),
  }));
}
