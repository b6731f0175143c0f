import { EnvVariable, Flag, PostgresUrl, ProxyList, serverEnvironment } from '@rivulet/platform';
import { IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';

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

export class CentralTlsEnv {
  @EnvVariable(
    'CENTRAL_TLS_CERT_FILE',
    'Path of the certificate of central, with its chain (PEM). With it central serves HTTPS, and agents over TCP need TLS.',
  )
  @IsOptional()
  @IsString()
  certFile: string | undefined = undefined;

  @EnvVariable('CENTRAL_TLS_KEY_FILE', 'Path of the private key of this certificate (PEM).')
  @IsOptional()
  @IsString()
  keyFile: string | undefined = undefined;

  @EnvVariable(
    'CENTRAL_HTTPS',
    'false: the HTTP port stays without TLS, for a proxy that ends TLS, and the certificate is for agents over TCP alone.',
  )
  @Flag()
  https = true;

  @EnvVariable(
    'CENTRAL_CLIENT_CA',
    'Path of the certificates of those who issue client certificates to devices (PEM). With it a device is known by its certificate, too.',
  )
  @IsOptional()
  @IsString()
  clientCa: string | undefined = undefined;

  @EnvVariable(
    'CENTRAL_CLIENT_CRL',
    'Path of the list of revoked client certificates (PEM), of every one of these issuers.',
  )
  @IsOptional()
  @IsString()
  clientCrl: string | undefined = undefined;

  @EnvVariable(
    'CENTRAL_CLIENT_CERT_HEADER',
    'Header in which the proxies of CENTRAL_TRUSTED_PROXIES pass on the client certificate that they have verified.',
  )
  @IsOptional()
  @Matches(/^[a-z][a-z0-9-]{0,63}$/i, { message: 'must be the name of a header' })
  clientCertHeader: string | undefined = undefined;
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
