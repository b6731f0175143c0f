import { Duration, EnvVariable } from '@rivulet/platform';
import { IsOptional, Matches } from 'class-validator';
import { usernamePattern } from './user';

export class UsersEnv {
  @EnvVariable('CENTRAL_ADMIN_USERNAME', 'User name of the first admin, made when there is no user.')
  @Matches(usernamePattern, { message: 'must be 1 to 64 letters, digits and . _ -, and not anyone' })
  adminUsername = 'admin';

  @EnvVariable(
    'CENTRAL_ADMIN_PASSWORD',
    'Password of the first admin. Unset: a random one, shown once in the log, that must be changed at the first login.',
    { secret: true },
  )
  @IsOptional()
  @Matches(/^.{12,256}$/u, { message: 'must be 12 to 256 characters' })
  adminPassword: string | undefined = undefined;

  @EnvVariable('CENTRAL_LOGIN_TOKEN_LIFE', 'How long an access token of a login is valid.')
  @Duration({ min: '30s', max: '15m' })
  tokenLifeMs = 15 * 60_000;

  @EnvVariable('CENTRAL_SESSION_IDLE_TIME', 'How long a login lasts that is not refreshed.')
  @Duration({ min: '5m', max: '30d' })
  sessionIdleMs = 24 * 3_600_000;

  @EnvVariable('CENTRAL_SESSION_LIFE', 'How long a login lasts, however often it is refreshed.')
  @Duration({ min: '5m', max: '90d' })
  sessionLifeMs = 14 * 24 * 3_600_000;
}
