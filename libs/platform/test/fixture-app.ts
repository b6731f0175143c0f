import { PassThrough, Readable } from 'node:stream';
import {
  Body,
  Controller,
  Get,
  Inject,
  Module,
  Param,
  Post,
  Query,
  StreamableFile,
  type DynamicModule,
} from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Type } from 'class-transformer';
import { IsInt, IsString, MaxLength, ValidateNested } from 'class-validator';
import { PinoLogger } from 'nestjs-pino';
import { createApp, type AppOptions } from '../src/bootstrap/create-app';
import { Access } from '../src/access/access.decorator';
import type { HealthIndicator } from '../src/health/health-indicator';
import { HealthModule } from '../src/health/health.module';
import { createLogger } from '../src/logging/logger';
import { ApiProblems } from '../src/problem/api-problems.decorator';

class TableDto {
  @IsString()
  @MaxLength(64)
  checksum: string;
}

class SampleDto {
  @IsInt()
  amount: number;

  @ValidateNested({ each: true })
  @Type(() => TableDto)
  tables: TableDto[];
}

/** The behaviour that a test asks of the routes. */
export interface Behaviour {
  throws?: unknown;
  during?: () => Promise<void>;
}

const BEHAVIOUR = Symbol('behaviour');

@ApiProblems('DATABASE_UNAVAILABLE', 'DEVICE_UNIDENTIFIED')
@Access('public')
@Controller('samples')
class SampleController {
  constructor(
    @Inject(BEHAVIOUR) private readonly behaviour: Behaviour,
    private readonly logger: PinoLogger,
  ) {}

  @Post()
  @ApiProblems('REQUEST_INVALID', 'DEVICE_UNKNOWN', 'SERVER_BUSY')
  @ApiProblems('MAC_ADDRESS_INVALID', 'DEVICE_UNKNOWN')
  create(@Body() sample: SampleDto): { amount: number } {
    this.logger.info('inside the handler');
    return { amount: sample.amount };
  }

  @Get('failing')
  fail(): never {
    throw this.behaviour.throws;
  }

  @Get('slow')
  async slow(): Promise<{ done: true }> {
    await this.behaviour.during?.();
    return { done: true };
  }

  @Get('broken-stream')
  brokenStream(): StreamableFile {
    const stream = new PassThrough();
    stream.write('half of it');
    setTimeout(() => stream.destroy(new Error('the source broke')), 20);
    return new StreamableFile(stream);
  }

  @Get('streamed')
  streamed(): StreamableFile {
    const options = { type: 'text/plain', length: 3, disposition: 'attachment; filename="abc.txt"' };
    return new StreamableFile(Readable.from(['a', 'bc'], { objectMode: false }), options);
  }

  @Get(':sampleId')
  find(
    @Param('sampleId') sampleId: string,
    @Query('x') _x?: string,
    @Query('token') _token?: string,
  ): { sampleId: string } {
    return { sampleId };
  }
}

export type LogLine = Record<string, unknown> & { level: string; msg: string };

export interface Fixture {
  app: NestFastifyApplication;
  behaviour: Behaviour;
  /** Lines logged so far, and none of them twice. */
  takeLines(): LogLine[];
}

/** A promise that a test settles when it likes. */
export class Deferred<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

const lines: string[] = [];

/** nestjs-pino keeps one logger per process, so a test file has one, too. */
const logger = createLogger({
  app: 'fixture',
  level: 'debug',
  format: 'json',
  destination: { write: (line) => lines.push(line) },
});

function fixtureOptions(behaviour: Behaviour = {}, indicators: HealthIndicator[] = []): AppOptions {
  return {
    module: fixtureModule(behaviour, indicators),
    logger,
    openApi: { title: 'Fixture', description: 'An app for tests.' },
    bodyLimitBytes: 200_000,
    headersTimeoutMs: 400,
  };
}

export async function startFixture(indicators: HealthIndicator[] = []): Promise<Fixture> {
  const behaviour: Behaviour = {};
  const app = await createApp(fixtureOptions(behaviour, indicators));
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return { app, behaviour, takeLines };
}

export function takeLines(): LogLine[] {
  return lines.splice(0).map((line) => JSON.parse(line) as LogLine);
}

function fixtureModule(behaviour: Behaviour, indicators: HealthIndicator[]): DynamicModule {
  return {
    module: FixtureModule,
    imports: [HealthModule.register({ indicators, timeoutMs: 100 })],
    controllers: [SampleController],
    providers: [{ provide: BEHAVIOUR, useValue: behaviour }],
  };
}

@Module({})
class FixtureModule {}
