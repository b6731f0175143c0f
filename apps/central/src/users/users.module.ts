import { Module } from '@nestjs/common';
import { AccessControl, OwnTables } from '@rivulet/platform';
import { DataSource } from 'typeorm';
import { CreateAuditLog1795770000000 } from '../../../../db/central/migrations/1795770000000-create-audit-log';
import { CreateUsers1795766400000 } from '../../../../db/central/migrations/1795766400000-create-users';
import { FirstAdmin } from './accounts/first-admin';
import { UserAccounts } from './accounts/user-accounts';
import { UserDirectory } from './user-directory';
import { ApiKeys } from './api-keys/api-keys';
import { AuditList } from './audit/audit-list';
import { AuditLog } from './audit/audit-log';
import { RefusalAudit } from './audit/refusal-audit';
import { OperatorAuthenticator } from './authentication/operator-authenticator';
import { AuditController } from './http/audit.controller';
import { LoginController } from './http/login.controller';
import { MeController } from './http/me.controller';
import { UsersController } from './http/users.controller';
import { CheckPassword } from './passwords/check-password';
import { LoginThrottle } from './passwords/login-throttle';
import { PasswordHash } from './passwords/password-hash';
import { AccessJwt } from './sessions/access-jwt';
import { Sessions } from './sessions/sessions';
import { TokenSecret } from './sessions/token-secret';
import { UsersEnv } from './users.env';
import { UsersMetrics } from './users.metrics';

/** People who steer central, and the programs that do so for them. */
@Module({
  controllers: [LoginController, MeController, UsersController, AuditController],
  providers: [
    OwnTables,
    {
      provide: TokenSecret,
      inject: [DataSource],
      useFactory: (own: DataSource) => TokenSecret.loadOrCreate(own),
    },
    UserDirectory,
    UserAccounts,
    FirstAdmin,
    PasswordHash,
    LoginThrottle,
    CheckPassword,
    AccessJwt,
    Sessions,
    ApiKeys,
    OperatorAuthenticator,
    UsersMetrics,
    AuditLog,
    AuditList,
    RefusalAudit,
  ],
  exports: [AuditLog],
})
export class UsersModule {
  static readonly environment = [UsersEnv];
  static readonly migrations = [CreateUsers1795766400000, CreateAuditLog1795770000000];

  constructor(access: AccessControl, authenticator: OperatorAuthenticator) {
    access.register(['viewer', 'operator', 'admin'], authenticator);
  }
}
