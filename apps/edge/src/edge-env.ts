import {
  ByteSize,
  Duration,
  EnvPrefix,
  EnvVariable,
  Flag,
  HttpUrl,
  LOG_LEVELS,
  PostgresUrl,
} from '@rivulet/platform';
import { ROW_MAX_BYTES } from '@rivulet/protocol';
import { IsIn, IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { IsSchedule } from './schedule/schedule';
import { verifyModes, type VerifyMode } from './sync/apply-manifest';
import { applyModes, type ApplyMode } from './sync/plan-tables';

/** Everything that the edge takes from its environment. */
@EnvPrefix('EDGE_')
export class EdgeEnv {
  @EnvVariable('EDGE_HOST', 'Address to listen on.')
  @IsString()
  host = '0.0.0.0';

  @EnvVariable('EDGE_PORT', 'Port to listen on.')
  @IsInt()
  @Min(0)
  @Max(65_535)
  port = 8081;

  @EnvVariable('EDGE_CENTRAL_URL', 'Where central is.')
  @HttpUrl()
  @Matches(/^[^@]*$/, { message: 'must not hold a user or a password' })
  centralUrl = 'http://localhost:8080';

  @EnvVariable(
    'EDGE_DATABASE_URL',
    'PostgreSQL that the mirrors are in. Unset outside production: an embedded server.',
    { secret: true },
  )
  @IsOptional()
  @PostgresUrl()
  databaseUrl: string | undefined = undefined;

  @EnvVariable('EDGE_MAC_ADDRESS', 'By which central knows this device. Unset: that of a network interface.')
  @IsOptional()
  @IsString()
  macAddress: string | undefined = undefined;

  @EnvVariable('EDGE_NETWORK_INTERFACE', 'Whose MAC address to use. Unset: the first that is hardware.')
  @IsOptional()
  @IsString()
  networkInterface: string | undefined = undefined;

  @EnvVariable(
    'EDGE_CENTRAL_KEY',
    "Thumbprint of central's key. Unset: the key of the first manifest is kept.",
  )
  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{43}$/, { message: 'must be 43 characters of base64url' })
  centralKey: string | undefined = undefined;

  @EnvVariable('EDGE_SYNC_SCHEDULE', 'How often to sync: an interval such as 5m, or a cron expression (UTC).')
  @IsSchedule()
  syncSchedule = '5m';

  @EnvVariable('EDGE_SYNC_JITTER', 'Each scheduled sync or scrub is put off by a random time up to this.')
  @Duration({ max: '1h' })
  syncJitterMs = 30_000;

  @EnvVariable('EDGE_FIRST_SYNC_DELAY', 'The first sync starts after a random time up to this.')
  @Duration({ max: '1h' })
  firstSyncDelayMs = 2_000;

  @EnvVariable('EDGE_SPOOL_FILE', 'Where a download is kept until it is applied.')
  @IsString()
  spoolFile = '.rivulet/edge.spool';

  // Node's fetch waits no longer than 5 minutes for an answer to begin.
  @EnvVariable('EDGE_REQUEST_TIMEOUT', 'How long central may take to answer a request.')
  @Duration({ min: '1s', max: '5m' })
  requestTimeoutMs = 300_000;

  @EnvVariable('EDGE_IDLE_TIMEOUT', 'How long a download may bring nothing before it counts as broken.')
  @Duration({ min: '1s', max: '5m' })
  idleTimeoutMs = 20_000;

  @EnvVariable(
    'EDGE_MAX_ROW_BYTES',
    'The largest row that is taken from central, as the text that COPY makes of it.',
  )
  @ByteSize({ min: '64KiB', max: '256MiB' })
  maxRowBytes = ROW_MAX_BYTES;

  @EnvVariable(
    'EDGE_RETRIES',
    'Attempts after the first, within one cycle, when central is out of reach or busy.',
  )
  @IsInt()
  @Min(0)
  @Max(20)
  retries = 4;

  @EnvVariable('EDGE_RETRY_DELAY', 'Before the first of these; doubled with each, with jitter.')
  @Duration({ min: '10ms', max: '5m' })
  retryDelayMs = 1_000;

  @EnvVariable(
    'EDGE_APPLY_MODE',
    'auto: change the rows that differ, load a mirror that has none. truncate: empty and load what differs. merge: as auto, and never empty a mirror that has rows.',
  )
  @IsIn(applyModes)
  applyMode: ApplyMode = 'auto';

  @EnvVariable(
    'EDGE_VERIFY',
    'What is read back of a mirror in which rows were changed: the touched chunks, or the full mirror.',
  )
  @IsIn(verifyModes)
  verify: VerifyMode = 'touched';

  @EnvVariable(
    'EDGE_VERIFY_SCHEDULE',
    'How often to read all mirrors and compare them with what was applied: an interval, a cron expression (UTC), or off.',
  )
  @IsSchedule({ orOff: true })
  verifySchedule = '0 3 * * *';

  @EnvVariable(
    'EDGE_VERIFY_REPAIR',
    'Fetch again what such a scrub finds to be different. Without it the scrub only reports.',
  )
  @Flag()
  verifyRepair = true;

  @EnvVariable('EDGE_APPLY_TIMEOUT', 'Longest time that one statement of the apply transaction may take.')
  @Duration({ min: '1s', max: '1d' })
  applyTimeoutMs = 600_000;

  @EnvVariable('EDGE_LOCK_TIMEOUT', 'How long to wait for readers of a mirror before trying again later.')
  @Duration({ min: '10ms', max: '5m' })
  lockTimeoutMs = 5_000;

  @EnvVariable('EDGE_LOG_LEVEL', 'Least severe messages that are logged.')
  @IsIn(LOG_LEVELS)
  logLevel: (typeof LOG_LEVELS)[number] = 'info';

  @EnvVariable('EDGE_LOG_FORMAT', 'json or pretty. Unset: pretty in a terminal, json elsewhere.')
  @IsOptional()
  @IsIn(['json', 'pretty'])
  logFormat: 'json' | 'pretty' | undefined = undefined;

  @EnvVariable('EDGE_SHUTDOWN_TIMEOUT', 'Time for a running cycle and for requests to end after SIGTERM.')
  @Duration({ min: '1s', max: '10m' })
  shutdownTimeoutMs = 10_000;
}
