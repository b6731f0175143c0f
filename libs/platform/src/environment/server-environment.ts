import { IsIn, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { LOG_LEVELS } from '../logging/logger';
import { EnvPrefix, EnvVariable, type EnvClass } from './env-variable';
import { Duration } from './env-values';

/** The section of the environment that every app has: where it listens, how it logs, how long it may take to stop. */
export interface ServerEnv {
  host: string;
  port: number;
  logLevel: (typeof LOG_LEVELS)[number];
  logFormat: 'json' | 'pretty' | undefined;
  shutdownTimeoutMs: number;
}

/** @param prefix - of the names of its variables, such as `CENTRAL` */
export function serverEnvironment(
  prefix: string,
  defaults: { host?: string; port: number },
): EnvClass<ServerEnv> {
  @EnvPrefix(`${prefix}_`)
  class ServerSection implements ServerEnv {
    @EnvVariable(`${prefix}_HOST`, 'Address to listen on.')
    @IsString()
    host = defaults.host ?? '0.0.0.0';

    @EnvVariable(`${prefix}_PORT`, 'Port to listen on.')
    @IsInt()
    @Min(0)
    @Max(65_535)
    port = defaults.port;

    @EnvVariable(`${prefix}_LOG_LEVEL`, 'Least severe messages that are logged.')
    @IsIn(LOG_LEVELS)
    logLevel: (typeof LOG_LEVELS)[number] = 'info';

    @EnvVariable(`${prefix}_LOG_FORMAT`, 'json or pretty. Unset: pretty in a terminal, json elsewhere.')
    @IsOptional()
    @IsIn(['json', 'pretty'])
    logFormat: 'json' | 'pretty' | undefined = undefined;

    @EnvVariable(`${prefix}_SHUTDOWN_TIMEOUT`, 'Time for running work and requests to end after SIGTERM.')
    @Duration({ min: '1s', max: '10m' })
    shutdownTimeoutMs = 10_000;
  }
  return ServerSection;
}
