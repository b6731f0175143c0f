import { randomBytes } from 'node:crypto';
import { Logger, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { namedError } from '@rivulet/platform';
import { RivuletError } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import { monotonicFactory } from 'ulid';
import { EdgeEnv } from '../edge-env';
import { HttpHub } from '../hub/http-hub';
import { MAC_ADDRESS } from '../identity/mac-address';
import { SpoolFile } from '../spool/spool-file';
import { SyncState } from '../state/sync-state';
import { SyncCycle, type SyncCycleDependencies } from './sync-cycle';
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
      controllers: [SyncController],
      providers: [
        { provide: EdgeEnv, useValue: env },
        { provide: MAC_ADDRESS, useValue: macAddress },
        { provide: SpoolFile, useFactory: () => openSpool(env.spoolFile) },
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
      ],
      exports: [SyncState, SyncService],
    };
  }
}

async function openSpool(path: string): Promise<SpoolFile> {
  try {
    return await SpoolFile.open(path);
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
  const { centralUrl, requestTimeoutMs, idleTimeoutMs } = env;
  return {
    hub: new HttpHub({ centralUrl, macAddress, requestTimeoutMs, idleTimeoutMs }),
    state,
    spool,
    macAddress,
    configuredKey: env.centralKey,
    retry: { retries: env.retries, minDelayMs: env.retryDelayMs, maxDelayMs: 60_000 },
    applyLimits: {
      statementTimeoutMs: env.applyTimeoutMs,
      lockTimeoutMs: env.lockTimeoutMs,
      idleTimeoutMs: 60_000,
    },
    now: () => new Date(),
    newId: monotonicFactory(),
    newNonce: () => randomBytes(18).toString('base64url'),
    nameError: (error) => {
      const named = namedError(error);
      if (named.code === 'INTERNAL') logger.error(error, 'The sync met an error that it does not know');
      return named;
    },
    onWarning: (message, { code, message: reason }, cycleId) => {
      logger.warn({ code, cycleId }, `${message}: ${reason}`);
    },
  };
}
