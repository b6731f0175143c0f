import { EnvVariable, PostgresUrl, ProxyList, serverEnvironment } from '@rivulet/platform';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

/** Where central listens, how it logs, how long it may take to stop. */
export const CentralServerEnv = serverEnvironment('CENTRAL', { port: 8080 });

export class CentralHttpEnv {
  @EnvVariable(
    'CENTRAL_TRUSTED_PROXIES',
    'Addresses and networks of the proxies in front of central. Their X-Forwarded-For and X-Forwarded-Proto are believed, those of others are not.',
  )
  @ProxyList()
  trustedProxies: string[] = [];

  @EnvVariable('CENTRAL_RATE_LIMIT_DEVICE', 'Calls that a device may make in a minute; 0: any number.')
  @IsInt()
  @Min(0)
  @Max(1_000_000_000)
  perDevice = 6_000;

  @EnvVariable(
    'CENTRAL_RATE_LIMIT_OPERATOR',
    'Calls that an operator may make in a minute, with all sessions and API keys together; 0: any number.',
  )
  @IsInt()
  @Min(0)
  @Max(1_000_000_000)
  perOperator = 60_000;

  @EnvVariable(
    'CENTRAL_RATE_LIMIT_ADDRESS',
    'Calls without valid credentials that an address may make in a minute; 0: any number.',
  )
  @IsInt()
  @Min(0)
  @Max(1_000_000_000)
  perAddress = 30_000;

  @EnvVariable('CENTRAL_MAX_CONNECTIONS', 'HTTP connections that may be open to this process at once.')
  @IsInt()
  @Min(10)
  @Max(1_000_000)
  maxConnections = 10_000;

  @EnvVariable(
    'CENTRAL_MAX_CONNECTIONS_PER_ADDRESS',
    'The same, from one address; a site may be behind it. Trusted proxies may have any number.',
  )
  @IsInt()
  @Min(10)
  @Max(1_000_000)
  maxConnectionsPerAddress = 6_000;
}

export class CentralDatabaseEnv {
  @EnvVariable(
    'CENTRAL_DATABASE_URL',
    "PostgreSQL with central's own tables, and the data owner's too unless these are apart. Unset outside production: " +
      'an embedded server.',
    { secret: true },
  )
  @IsOptional()
  @PostgresUrl()
  databaseUrl: string | undefined = undefined;

  @EnvVariable('CENTRAL_DATABASE_POOL_SIZE', "Connections to central's own tables.")
  @IsInt()
  @Min(2)
  @Max(500)
  databasePoolSize = 10;
}
