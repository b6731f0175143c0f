import { Module } from '@nestjs/common';
import { AccessControl } from '@rivulet/platform';
import { workerAudience } from '@rivulet/protocol';
import { TargetsModule } from '../targets/targets.module';
import { ConfigurationEnv } from './configuration.env';
import { ConfigurationController } from './configuration.controller';
import { InternalKeyAuthenticator } from './internal-key-authenticator';
import { WorkerConfiguration } from './worker-configuration';

/** The worker's configuration, and who may change it. */
@Module({
  imports: [TargetsModule],
  controllers: [ConfigurationController],
  providers: [WorkerConfiguration],
  exports: [WorkerConfiguration],
})
export class ConfigurationModule {
  static readonly environment = [ConfigurationEnv];

  constructor(access: AccessControl, { internalKey, urls }: ConfigurationEnv) {
    if (internalKey !== undefined)
      access.register(['local'], new InternalKeyAuthenticator(internalKey, urls.map(workerAudience)));
  }
}
