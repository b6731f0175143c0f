import { RivuletError } from '@rivulet/errors';
import { IsDefined, IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { describeEnvironment } from './describe-environment';
import { EnvPrefix, EnvVariable } from './env-variable';
import {
  ByteSize,
  Duration,
  Flag,
  HttpUrl,
  List,
  parseByteSize,
  parseDuration,
  PostgresUrl,
} from './env-values';
import { loadEnvironment } from './load-environment';

class BaseEnv {
  @EnvVariable('NODE_ENV', 'production or not.')
  nodeEnv = 'development';
}

@EnvPrefix('SAMPLE_')
class SampleEnv extends BaseEnv {
  @EnvVariable('SAMPLE_PORT', 'Port to listen on.')
  @IsInt()
  @Min(1)
  @Max(65535)
  port = 8080;

  @EnvVariable('SAMPLE_LOG_LEVEL', 'Least severe line that is logged.')
  @IsIn(['debug', 'info'])
  logLevel = 'info';

  @EnvVariable('SAMPLE_INTERVAL', 'Time between two syncs.')
  @Duration({ min: '1s', max: '1d' })
  intervalMs = 300_000;

  @EnvVariable('SAMPLE_JITTER', 'Spread of the interval.')
  @Duration()
  jitterMs = 0;

  @EnvVariable('SAMPLE_BODY_LIMIT', 'Largest body.')
  @ByteSize({ max: '1GiB' })
  bodyLimitBytes = 65_536;

  @EnvVariable('SAMPLE_STRICT', 'Whether to be strict.')
  @Flag()
  strict = true;

  @EnvVariable('SAMPLE_HOSTS', 'Hosts.')
  @List()
  hosts: string[] = ['a', 'b'];

  @EnvVariable('SAMPLE_WORKERS', 'Number of workers.')
  @IsOptional()
  @IsInt()
  workers?: number;

  @EnvVariable('SAMPLE_DATABASE_URL', 'The database.')
  @PostgresUrl()
  @IsDefined()
  databaseUrl: string;

  @EnvVariable('SAMPLE_CENTRAL_URL', 'Central.')
  @HttpUrl()
  centralUrl?: string;

  @EnvVariable('SAMPLE_TOKEN', 'A secret.', { secret: true })
  @IsIn(['right'])
  token = 'right';
}

const REQUIRED = { SAMPLE_DATABASE_URL: 'postgres://me:pw@db:5432/sample' };

function load(source: NodeJS.ProcessEnv): SampleEnv {
  return loadEnvironment([SampleEnv], source).environment.section(SampleEnv);
}

function failure(source: NodeJS.ProcessEnv): RivuletError {
  try {
    loadEnvironment([SampleEnv], source);
  } catch (error) {
    if (error instanceof RivuletError) return error;
  }
  throw new Error('This environment was accepted.');
}

describe('loadEnvironment', () => {
  it('takes the default where a variable is unset or empty', () => {
    const env = load({ ...REQUIRED, SAMPLE_PORT: '', SAMPLE_STRICT: '  ' });
    expect(env).toMatchObject({ port: 8080, strict: true, intervalMs: 300_000, nodeEnv: 'development' });
    expect(env.workers).toBeUndefined();
  });

  it('reads every kind of value', () => {
    const env = load({
      NODE_ENV: 'production',
      SAMPLE_PORT: ' 81 ',
      SAMPLE_LOG_LEVEL: 'debug',
      SAMPLE_INTERVAL: '90s',
      SAMPLE_JITTER: '0',
      SAMPLE_BODY_LIMIT: '10MB',
      SAMPLE_STRICT: 'No',
      SAMPLE_HOSTS: 'x, y,,z ',
      SAMPLE_WORKERS: '4',
      SAMPLE_CENTRAL_URL: 'https://central.example',
      ...REQUIRED,
    });
    expect(env).toEqual({
      nodeEnv: 'production',
      port: 81,
      logLevel: 'debug',
      intervalMs: 90_000,
      jitterMs: 0,
      bodyLimitBytes: 10_000_000,
      strict: false,
      hosts: ['x', 'y', 'z'],
      workers: 4,
      centralUrl: 'https://central.example',
      databaseUrl: REQUIRED.SAMPLE_DATABASE_URL,
      token: 'right',
    });
  });

  it('names every wrong variable, its value and what is accepted, in one sentence', () => {
    const error = failure({
      SAMPLE_PORT: '70000',
      SAMPLE_INTERVAL: '5 minutes',
      SAMPLE_STRICT: 'maybe',
      SAMPLE_LOG_LEVEL: 'loud',
      SAMPLE_WORKERS: '1.5',
    });
    expect(error.code).toBe('ENVIRONMENT_INVALID');
    expect(error.message).toBe(
      'SAMPLE_PORT is "70000" and must not be greater than 65535; ' +
        'SAMPLE_LOG_LEVEL is "loud" and must be one of the following values: debug, info; ' +
        'SAMPLE_INTERVAL is "5 minutes" and must be a duration such as 500ms, 30s, 5m or 1h between 1s and 1d; ' +
        'SAMPLE_STRICT is "maybe" and must be true or false; ' +
        'SAMPLE_WORKERS is "1.5" and must be an integer number; ' +
        'SAMPLE_DATABASE_URL is not set and must be a PostgreSQL URL such as postgres://user:password@host:5432/database.',
    );
    expect(error.errors?.map(({ field }) => field)).toHaveLength(6);
  });

  it.each([
    [{ SAMPLE_TOKEN: 'canary' }],
    [{ SAMPLE_DATABASE_URL: 'mysql://me:canary@db/x' }],
    [{ SAMPLE_DATABASE_URL: 'postgres//me:canary@db/x' }],
    [{ SAMPLE_DATABASE_URL: 'postgres://me:cana/ry@canary@db:port/x' }],
    [{ SAMPLE_CENTRAL_URL: 'ftp://me:canary@central' }],
    [{ SAMPLE_PORT: 'postgres://me:canary@db/x' }],
  ])('never shows a secret: %o', (source) => {
    const { message } = failure({ ...REQUIRED, ...source });
    expect(message).toContain('[hidden]');
    expect(message).not.toContain('canary');
  });

  it.each(['80a', '0x50', '1e3', '-1', '8080.5', 'NaN', 'Infinity', '١٢'])(
    'takes no %s for a port',
    (text) => {
      expect(failure({ ...REQUIRED, SAMPLE_PORT: text }).message).toContain('SAMPLE_PORT');
    },
  );

  it('collects variables with the prefix that nothing reads, with what was likely meant', () => {
    const { unknownVariables } = loadEnvironment([SampleEnv], {
      ...REQUIRED,
      SAMPLE_PROT: '1',
      SAMPLE_SOMETHING_ELSE: '1',
      OTHER_PORT: '1',
      NODE_OPTIONS: '',
    });
    expect(unknownVariables).toEqual([
      { variable: 'SAMPLE_PROT', suggestion: 'SAMPLE_PORT' },
      { variable: 'SAMPLE_SOMETHING_ELSE', suggestion: undefined },
    ]);
  });
});

describe('quantities', () => {
  it.each([
    ['500ms', 500],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['5', undefined],
    ['-5s', undefined],
    ['5 parsecs', undefined],
    ['99999999999999999d', undefined],
  ])('the duration %s is %s ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each([
    ['512', 512],
    ['64KiB', 65_536],
    ['64kib', 65_536],
    ['10MB', 10_000_000],
    ['1.5 GiB', 1_610_612_736],
    ['10mb', 10_000_000],
    ['10 M', undefined],
    ['ten', undefined],
  ])('the size %s is %s bytes', (text, expected) => {
    expect(parseByteSize(text)).toBe(expected);
  });
});

describe('describeEnvironment', () => {
  it('has a row per variable, with the default as one would write it', () => {
    const rows = describeEnvironment([SampleEnv]);
    expect(rows.map((row) => [row.variable, row.default])).toEqual([
      ['NODE_ENV', 'development'],
      ['SAMPLE_PORT', '8080'],
      ['SAMPLE_LOG_LEVEL', 'info'],
      ['SAMPLE_INTERVAL', '5m'],
      ['SAMPLE_JITTER', '0'],
      ['SAMPLE_BODY_LIMIT', '64KiB'],
      ['SAMPLE_STRICT', 'true'],
      ['SAMPLE_HOSTS', 'a,b'],
      ['SAMPLE_WORKERS', ''],
      ['SAMPLE_DATABASE_URL', ''],
      ['SAMPLE_CENTRAL_URL', ''],
      ['SAMPLE_TOKEN', '[hidden]'],
    ]);
    expect(rows[1]).toEqual({
      variable: 'SAMPLE_PORT',
      default: '8080',
      accepts: expect.stringMatching(/^a number, .*65535/) as string,
      description: 'Port to listen on.',
    });
  });
});
