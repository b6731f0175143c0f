import { Module } from '@nestjs/common';
import { AccessControl } from '@rivulet/platform';
import { CreateDevices1795744800000 } from '../../../../db/central/migrations/1795744800000-create-devices';
import { CreateDeviceTokens1795755600000 } from '../../../../db/central/migrations/1795755600000-create-device-tokens';
import { CreateDeviceCredentials1795748400000 } from '../../../../db/central/migrations/1795748400000-create-device-credentials';
import { CreatePresence1795831200000 } from '../../../../db/central/migrations/1795831200000-create-presence';
import { SigningModule } from '../signing/signing.module';
import { AcceptAssertion } from './authentication/accept-assertion';
import { AccessTokens } from './authentication/access-tokens';
import { AgentsController } from './http/agents.controller';
import { DeviceAuthController } from './http/device-auth.controller';
import { AgentTokens } from './authentication/agent-tokens';
import { ClientCertificates } from './authentication/client-certificates';
import { DeviceAuthenticator } from './authentication/device-authenticator';
import { refuseOpenProduction } from './authentication/refuse-open-production';
import { DeviceTables } from './device-tables';
import { DevicesEnv } from './devices.env';
import { DevicesMetrics } from './devices.metrics';
import { EnrolEdge } from './enrolment/enrol-edge';
import { ImportKeys } from './enrolment/import-keys';
import { RotateKey } from './enrolment/rotate-key';
import { StatedKeys } from './enrolment/stated-keys';
import { RegisterAgent } from './enrolment/register-agent';
import { EnrolmentTokens } from './enrolment/enrolment-tokens';
import { DeviceDirectory } from './registry/device-directory';
import { DeviceKeys } from './registry/device-keys';
import { DeviceList } from './registry/device-list';
import { DeviceRegistry } from './registry/device-registry';
import { Presence } from './registry/presence';
import { CentralProcesses } from './presence/central-processes';
import { Connections } from './presence/connections';

/** The registry of everything that connects to central, and how it is known. */
@Module({
  imports: [SigningModule],
  controllers: [DeviceAuthController, AgentsController],
  providers: [
    DeviceTables,
    DeviceDirectory,
    DeviceRegistry,
    DeviceKeys,
    DeviceList,
    Presence,
    CentralProcesses,
    Connections,
    EnrolmentTokens,
    EnrolEdge,
    RotateKey,
    StatedKeys,
    RegisterAgent,
    ImportKeys,
    AcceptAssertion,
    AccessTokens,
    AgentTokens,
    ClientCertificates,
    DeviceAuthenticator,
    DevicesMetrics,
  ],
  exports: [
    Presence,
    CentralProcesses,
    Connections,
    DeviceTables,
    DeviceAuthenticator,
    DeviceRegistry,
    DeviceKeys,
    DeviceList,
    EnrolmentTokens,
    ImportKeys,
    AgentTokens,
  ],
})
export class DevicesModule {
  static readonly environment = [DevicesEnv];
  static readonly migrations = [
    CreateDevices1795744800000,
    CreateDeviceCredentials1795748400000,
    CreateDeviceTokens1795755600000,
    CreatePresence1795831200000,
  ];

  constructor(env: DevicesEnv, access: AccessControl, authenticator: DeviceAuthenticator) {
    refuseOpenProduction(env);
    access.register(['device'], authenticator);
  }
}
