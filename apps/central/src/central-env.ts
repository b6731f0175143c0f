import { ByteSize, Duration, EnvPrefix, EnvVariable, Flag, LOG_LEVELS, PostgresUrl } from '@rivulet/platform';
import { ROW_MAX_BYTES } from '@rivulet/protocol';
import { IsIn, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';

/** Everything that central takes from its environment. */
@EnvPrefix('CENTRAL_')
export class CentralEnv {
  @EnvVariable('CENTRAL_HOST', 'Address to listen on.')
  @IsString()
  host = '0.0.0.0';

  @EnvVariable('CENTRAL_PORT', 'Port to listen on.')
  @IsInt()
  @Min(0)
  @Max(65_535)
  port = 8080;

  @EnvVariable(
    'CENTRAL_DATABASE_URL',
    "PostgreSQL with central's own tables, and the data owner's too unless these are apart. Unset outside production: " +
      'an embedded server.',
    { secret: true },
  )
  @IsOptional()
  @PostgresUrl()
  databaseUrl: string | undefined = undefined;

  @EnvVariable(
    'CENTRAL_SOURCE_DATABASE_URL',
    "PostgreSQL with the data owner's tables; its role needs no more than SELECT. Unset: central's own database.",
    { secret: true },
  )
  @IsOptional()
  @PostgresUrl()
  sourceDatabaseUrl: string | undefined = undefined;

  @EnvVariable('CENTRAL_DATABASE_POOL_SIZE', "Connections to central's own tables.")
  @IsInt()
  @Min(2)
  @Max(500)
  databasePoolSize = 10;

  @EnvVariable('CENTRAL_SOURCE_POOL_SIZE', "Connections that read the data owner's tables.")
  @IsInt()
  @Min(2)
  @Max(500)
  sourcePoolSize = 10;

  @EnvVariable('CENTRAL_SOURCE_STATEMENT_TIMEOUT', 'Longest time that one dataset query may take.')
  @Duration({ min: '1s', max: '1d' })
  sourceStatementTimeoutMs = 600_000;

  @EnvVariable(
    'CENTRAL_CHANGE_DETECTION',
    'How central learns of changes: trigger, by triggers that it installs on the tables that its datasets read; or ' +
      'poll, by reading them again after an interval.',
  )
  @IsIn(['trigger', 'poll'])
  changeDetection: 'trigger' | 'poll' = 'trigger';

  @EnvVariable(
    'CENTRAL_POLL_INTERVAL',
    'How old rows may be whose changes central does not learn of, before they are read again.',
  )
  @Duration({ min: '1s', max: '1d' })
  pollIntervalMs = 60_000;

  @EnvVariable(
    'CENTRAL_MAX_SNAPSHOT_BUILDS',
    'Scopes whose data is read at once; devices of others are told to come again.',
  )
  @IsInt()
  @Min(1)
  @Max(100)
  maxSnapshotBuilds = 4;

  @EnvVariable(
    'CENTRAL_MAX_ROW_BYTES',
    'The largest row that is sent, as the text that COPY makes of it. Devices take what their EDGE_MAX_ROW_BYTES allows.',
  )
  @ByteSize({ min: '64KiB', max: '256MiB' })
  maxRowBytes = ROW_MAX_BYTES;

  @EnvVariable(
    'CENTRAL_PAYLOAD_RETENTION',
    "How long the payload of a manifest can be fetched. That of a device's latest manifest always can.",
  )
  @Duration({ min: '1h', max: '365d' })
  payloadRetentionMs = 7 * 86_400_000;

  @EnvVariable(
    'CENTRAL_AUDIT_RETENTION',
    "How long requests and manifests are kept; a device's latest is, always.",
  )
  @Duration({ min: '1d', max: '3650d' })
  auditRetentionMs = 90 * 86_400_000;

  @EnvVariable('CENTRAL_DATASETS_FILE', 'Path of the datasets file.')
  @IsString()
  datasetsFile = 'db/datasets.yaml';

  @EnvVariable(
    'CENTRAL_DEMO_DATA',
    "Fill central's own database with the demo companies when it is empty. On with an embedded server that is the source.",
  )
  @IsOptional()
  @Flag()
  demoData: boolean | undefined = undefined;

  @EnvVariable('CENTRAL_LOG_LEVEL', 'Least severe messages that are logged.')
  @IsIn(LOG_LEVELS)
  logLevel: (typeof LOG_LEVELS)[number] = 'info';

  @EnvVariable('CENTRAL_LOG_FORMAT', 'json or pretty. Unset: pretty in a terminal, json elsewhere.')
  @IsOptional()
  @IsIn(['json', 'pretty'])
  logFormat: 'json' | 'pretty' | undefined = undefined;

  @EnvVariable('CENTRAL_SHUTDOWN_TIMEOUT', 'Time for requests to finish after SIGTERM.')
  @Duration({ min: '1s', max: '10m' })
  shutdownTimeoutMs = 10_000;
}
