import { Module } from '@nestjs/common';
import { OwnTables } from '@rivulet/platform';
import { CreateConfigurations1795824000000 } from '../../../../db/central/migrations/1795824000000-create-configurations';
import { BusModule } from '../bus/bus.module';
import { DevicesModule } from '../devices/devices.module';
import { LiveModule } from '../live/live.module';
import { RolloutsModule } from '../rollouts/rollouts.module';
import { SigningModule } from '../signing/signing.module';
import { UsersModule } from '../users/users.module';
import { ConfigurationsEnv } from './configurations.env';
import { ConfigurationsMetrics } from './configurations.metrics';
import { ConfigurationsService } from './configurations.service';
import { AnnounceConfigurations } from './current/announce-configurations';
import { CurrentConfigurations } from './current/current-configurations';
import { EffectiveConfigurations } from './current/effective-configurations';
import { VersionContents } from './current/version-contents';
import { AnswerUnchanged } from './delivery/answer-unchanged';
import { ConfigurationRollouts } from './delivery/configuration-rollouts';
import { DeliverConfiguration } from './delivery/deliver-configuration';
import { DeviceReports } from './delivery/device-reports';
import { TellConnected } from './delivery/tell-connected';
import { AgentConfigurationController } from './http/agent-configuration.controller';
import { ConfigAdminController } from './http/config-admin.controller';
import { ConfigurationRolloutsController } from './http/configuration-rollouts.controller';
import { ConfigurationsController } from './http/configurations.controller';
import { PreviewConfiguration } from './preview-configuration';
import { ConfigurationStore } from './store/configuration-store';

/** Named JSON documents with versions, for devices and their workers. */
@Module({
  imports: [BusModule, DevicesModule, LiveModule, RolloutsModule, SigningModule, UsersModule],
  controllers: [
    AgentConfigurationController,
    ConfigAdminController,
    ConfigurationsController,
    ConfigurationRolloutsController,
  ],
  providers: [
    OwnTables,
    ConfigurationStore,
    VersionContents,
    EffectiveConfigurations,
    CurrentConfigurations,
    AnnounceConfigurations,
    DeliverConfiguration,
    AnswerUnchanged,
    DeviceReports,
    TellConnected,
    ConfigurationsService,
    PreviewConfiguration,
    ConfigurationRollouts,
    ConfigurationsMetrics,
  ],
})
export class ConfigurationsModule {
  static readonly environment = [ConfigurationsEnv];
  static readonly migrations = [CreateConfigurations1795824000000];
}
