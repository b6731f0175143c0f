import { ByteSize, Duration, EnvVariable, HttpUrl, List } from '@rivulet/platform';
import { IsArray, IsIn, IsInt, IsOptional, IsString, Max, Min, MinLength } from 'class-validator';

/** Those of a public key: one whose key verifies cannot sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

export class RealtimeEnv {
  @EnvVariable(
    'CENTRAL_REALTIME_FILE',
    'Path of the file of topics. Unset: no topic but those of users and the broadcast.',
  )
  @IsOptional()
  @IsString()
  file: string | undefined = undefined;

  @EnvVariable(
    'CENTRAL_REALTIME_JWKS_URL',
    "Where the public keys are with which the data owner's application signs tokens of its users.",
  )
  @IsOptional()
  @HttpUrl()
  jwksUrl: string | undefined = undefined;

  @EnvVariable(
    'CENTRAL_REALTIME_JWKS_FILE',
    'The same as a file, which is read again with the file of topics.',
  )
  @IsOptional()
  @IsString()
  jwksFile: string | undefined = undefined;

  @EnvVariable(
    'CENTRAL_REALTIME_SECRET',
    'A shared secret of at least 32 characters instead of keys, for HS256.',
    {
      secret: true,
    },
  )
  @IsOptional()
  @IsString()
  @MinLength(32)
  secret: string | undefined = undefined;

  @EnvVariable('CENTRAL_REALTIME_ISSUER', 'The `iss` that tokens of the application must have.')
  @IsOptional()
  @IsString()
  issuer: string | undefined = undefined;

  @EnvVariable('CENTRAL_REALTIME_AUDIENCE', 'The `aud` that tokens of the application must have.')
  @IsOptional()
  @IsString()
  audience: string | undefined = undefined;

  @EnvVariable('CENTRAL_REALTIME_ALGORITHMS', 'The algorithms that tokens signed by keys may have.')
  @List()
  @IsArray()
  @IsIn(ALGORITHMS, { each: true })
  algorithms: string[] = ['RS256', 'ES256', 'EdDSA'];

  @EnvVariable(
    'CENTRAL_REALTIME_HISTORY',
    "Where messages of topics are kept: by `bus` in Redis or NATS (JetStream) if CENTRAL_BUS_URL names one, by `postgres` always in central's own PostgreSQL. The same for all processes of central.",
  )
  @IsIn(['bus', 'postgres'])
  history: 'bus' | 'postgres' = 'bus';

  @EnvVariable(
    'CENTRAL_REALTIME_ORIGINS',
    'Origins of web pages that may connect, such as https://shop.example. Pages of the same host always may; programs have no origin.',
  )
  @List()
  @IsArray()
  origins: string[] = [];

  @EnvVariable('CENTRAL_REALTIME_PING_INTERVAL', 'How often a client is asked whether it is there.')
  @Duration({ min: '1s', max: '10m' })
  pingIntervalMs = 54_000;

  @EnvVariable(
    'CENTRAL_REALTIME_PONG_WAIT',
    'A client of which nothing was heard for so long is disconnected.',
  )
  @Duration({ min: '2s', max: '20m' })
  pongWaitMs = 60_000;

  @EnvVariable('CENTRAL_REALTIME_MESSAGE_SIZE', 'Largest data of one message.')
  @ByteSize({ min: '1KiB', max: '128KiB' })
  messageBytes = 64 * 1024;

  @EnvVariable(
    'CENTRAL_REALTIME_SEND_BUFFER',
    'The most bytes that may wait for a slow client before it is disconnected.',
  )
  @ByteSize({ min: '64KiB', max: '64MiB' })
  sendBufferBytes = 1024 * 1024;

  @EnvVariable('CENTRAL_REALTIME_MAX_CONNECTIONS', 'Connections to one process.')
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxConnections = 20_000;

  @EnvVariable(
    'CENTRAL_REALTIME_MAX_CONNECTIONS_PER_ADDRESS',
    'Connections from one address, behind which a whole site may stand.',
  )
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxPerAddress = 1_000;

  @EnvVariable('CENTRAL_REALTIME_MAX_CONNECTIONS_PER_USER', 'Connections of one user.')
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxPerUser = 20;

  @EnvVariable('CENTRAL_REALTIME_MAX_SUBSCRIPTIONS', 'Subscriptions of one connection.')
  @IsInt()
  @Min(1)
  @Max(1_000)
  maxSubscriptions = 100;

  @EnvVariable(
    'CENTRAL_REALTIME_MESSAGES_PER_SECOND',
    'Messages that are taken from one connection, on average; ten times as many at once. Others wait.',
  )
  @IsInt()
  @Min(1)
  @Max(10_000)
  messagesPerSecond = 20;

  @EnvVariable(
    'CENTRAL_REALTIME_DRAIN_SPREAD',
    'When central stops, its clients come back spread over so long.',
  )
  @Duration({ max: '10m' })
  drainSpreadMs = 10_000;
}
