import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  Module,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { IsInt, Max, Min } from 'class-validator';
import {
  Access,
  createLogger,
  DrainState,
  Duration,
  EnvPrefix,
  EnvVariable,
  HealthModule,
  loadEnvironment,
  runApp,
} from '../src/index';

@EnvPrefix('FIXTURE_')
class FixtureEnv {
  @EnvVariable('FIXTURE_PORT', 'Port to listen on.')
  @IsInt()
  @Min(0)
  @Max(65535)
  port = 0;

  @EnvVariable('FIXTURE_GRACE', 'Grace period of a shutdown.')
  @Duration()
  graceMs = 0;

  @EnvVariable('FIXTURE_TROUBLE', 'The fault to show.')
  trouble: string | undefined;

  @EnvVariable('FIXTURE_SECRET', 'Not to be told.', { secret: true })
  secret: string | undefined;

  @EnvVariable('FIXTURE_URL', 'Where something is.')
  url: string | undefined;
}

const logger = createLogger({ app: 'fixture', level: 'info', format: 'json' });

/** As errors of libraries are: with the secrets of settings in their words and fields. */
function telling(message: string): Error {
  const { FIXTURE_SECRET: secret, FIXTURE_URL: url } = process.env;
  const cause = new TypeError(`${secret} is refused at ${url}`);
  const told = `${message} with ${secret}, ${JSON.stringify({ given: secret })} at ${url}`;
  return Object.assign(new Error(told, { cause }), { parameters: [secret], url });
}

@Access('public')
@Controller('work')
class WorkController {
  @Get('slow')
  async slow(): Promise<{ done: true }> {
    await sleep(process.env['FIXTURE_TROUBLE'] === 'endless' ? 60_000 : 1500);
    logger.info('slow request answered');
    return { done: true };
  }

  @Get('reject')
  reject(): { rejected: true } {
    void Promise.reject(telling('nobody catches this'));
    return { rejected: true };
  }
}

@Module({
  imports: [HealthModule.register({ indicators: [] })],
  controllers: [WorkController],
})
class FixtureModule implements OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(private readonly drainState: DrainState) {
    if (process.env['FIXTURE_TROUBLE'] === 'datasets') {
      throw new RivuletError('DATASETS_FILE_INVALID', 'datasets.yaml line 3 has no query.');
    }
    if (process.env['FIXTURE_TROUBLE'] === 'bug') throw telling('x is not a function');
  }

  async onModuleDestroy(): Promise<void> {
    logger.info(`onModuleDestroy, draining ${this.drainState.draining}`);
    if (process.env['FIXTURE_TROUBLE'] === 'hangs') await sleep(60_000);
    await sleep(400);
  }

  beforeApplicationShutdown(): void {
    logger.info('beforeApplicationShutdown');
  }

  onApplicationShutdown(): void {
    logger.info('onApplicationShutdown');
  }
}

void runApp('fixture', async () => {
  const { environment, unknownVariables } = loadEnvironment([FixtureEnv]);
  const env = environment.section(FixtureEnv);
  if (env.trouble === 'early') {
    void Promise.reject(telling('nobody catches this either'));
    await sleep(60_000);
  }
  return {
    module: FixtureModule,
    logger,
    unknownVariables,
    port: env.port,
    host: '127.0.0.1',
    portVariable: 'FIXTURE_PORT',
    shutdownTimeoutMs: env.trouble === undefined ? 8000 : 800,
    shutdownGraceMs: env.graceMs,
    headersTimeoutMs: 600,
    onStopped: () => {
      logger.level = 'info';
      logger.info('onStopped');
      return Promise.resolve();
    },
    databaseUrl: 'postgres://localhost/fixture',
    openApi: { title: 'Fixture', description: 'An app for tests.' },
  };
});
