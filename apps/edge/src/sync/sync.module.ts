import { randomBytes } from 'node:crypto';
import { Logger, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { namedError } from '@rivulet/platform';
import { applyMirrors, type TransactionOptions } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { DataSource } from 'typeorm';
import { monotonicFactory } from 'ulid';
import { EdgeEnv } from '../edge-env';
import { HttpHub } from '../hub/http-hub';
import { MAC_ADDRESS } from '../identity/mac-address';
import { Scrub, type ScrubDependencies } from '../scrub/scrub';
import { ScrubController } from '../scrub/scrub.controller';
import { ScrubScheduler } from '../scrub/scrub-scheduler';
import { ScrubService } from '../scrub/scrub.service';
import { SpoolFile } from '../spool/spool-file';
import { ScrubLog } from '../state/scrub-log';
import { SyncState } from '../state/sync-state';
import type { SyncCycleDependencies } from './cycle-context';
import { SyncCycle } from './sync-cycle';
import { SyncScheduler } from './sync-scheduler';
import { SyncController } from './sync.controller';
import { SyncService } from './sync.service';

@Module({})
export class SyncModule implements OnApplicationShutdown {
  constructor(private readonly spool: SpoolFile) {}

  /** After the last cycle, for which SyncService waits. */
  async onApplicationShutdown(): Promise<void> {
    await this.spool.close();
  }

  static forRoot(env: EdgeEnv, macAddress: string): DynamicModule {
    return {
      module: SyncModule,
      global: true,
      controllers: [SyncController, ScrubController],
      providers: [
        { provide: EdgeEnv, useValue: env },
        { provide: MAC_ADDRESS, useValue: macAddress },
        { provide: SpoolFile, useFactory: () => openSpool(env) },
        {
          provide: SyncState,
          inject: [DataSource],
          useFactory: (database: DataSource) => new SyncState(database),
        },
        {
          provide: SyncCycle,
          inject: [SyncState, SpoolFile],
          useFactory: (state: SyncState, spool: SpoolFile) => {
            return new SyncCycle(cycleDependencies(env, macAddress, state, spool));
          },
        },
        SyncService,
        SyncScheduler,
        {
          provide: ScrubLog,
          inject: [DataSource],
          useFactory: (database: DataSource) => new ScrubLog(database),
        },
        {
          provide: Scrub,
          inject: [DataSource, SyncState, ScrubLog, SyncService],
          useFactory: (database: DataSource, state: SyncState, log: ScrubLog, sync: SyncService) => {
            return new Scrub(scrubDependencies(env, database, state, log, sync));
          },
        },
        ScrubService,
        ScrubScheduler,
      ],
      exports: [SyncState, SyncService],
    };
  }
}

async function openSpool({ spoolFile: path, maxRowBytes }: EdgeEnv): Promise<SpoolFile> {
  try {
    return await SpoolFile.open(path, maxRowBytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      `EDGE_SPOOL_FILE is "${path}", which cannot be opened: ${code}.`,
      {
        cause: error,
      },
    );
  }
}

function cycleDependencies(
  env: EdgeEnv,
  macAddress: string,
  state: SyncState,
  spool: SpoolFile,
): SyncCycleDependencies {
  const logger = new Logger('Sync');
  const { centralUrl, requestTimeoutMs, idleTimeoutMs, maxRowBytes } = env;
  return {
    hub: new HttpHub({ centralUrl, macAddress, requestTimeoutMs, idleTimeoutMs, maxRowBytes }),
    state,
    spool,
    macAddress,
    configuredKey: env.centralKey,
    retry: { retries: env.retries, minDelayMs: env.retryDelayMs, maxDelayMs: 60_000 },
    applyLimits: applyLimits(env),
    applyMode: env.applyMode,
    verify: env.verify,
    now: () => new Date(),
    newId: monotonicFactory(),
    newNonce: () => randomBytes(18).toString('base64url'),
    nameError: nameFor(logger, 'The sync met an error that it does not know'),
    onWarning: (message, { code, message: reason }, cycleId) => {
      logger.warn({ code, cycleId }, `${message}: ${reason}`);
    },
  };
}

function scrubDependencies(
  env: EdgeEnv,
  database: DataSource,
  state: SyncState,
  log: ScrubLog,
  sync: SyncService,
): ScrubDependencies {
  return {
    database,
    state,
    log,
    limits: applyLimits(env),
    settled: () => sync.settled(),
    syncAfter: (prepare) => sync.repair(prepare),
    now: () => new Date(),
    newId: monotonicFactory(),
    nameError: nameFor(new Logger('Scrub'), 'The scrub met an error that it does not know'),
  };
}

function applyLimits({ applyTimeoutMs, lockTimeoutMs }: EdgeEnv): TransactionOptions {
  return applyMirrors(applyTimeoutMs, lockTimeoutMs);
}

/** Gives errors their names; what has none is for a person to see. */
function nameFor(logger: Logger, message: string): (error: unknown) => RivuletError {
  return (error) => {
    const named = namedError(error);
    if (named.code === 'INTERNAL') logger.error(error, message);
    return named;
  };
}
