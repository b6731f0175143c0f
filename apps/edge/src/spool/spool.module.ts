import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { HubEnv } from '../hub/hub.env';
import { openSpool, type OwnedSpool } from './open-spool';
import { SpoolFile } from './spool-file';
import { SpoolEnv } from './spool.env';
import { SpoolMetrics } from './spool.metrics';

const OWNED_SPOOL = Symbol('OWNED_SPOOL');

/** The file of frames that have arrived and wait to be applied. */
@Module({
  providers: [
    {
      provide: OWNED_SPOOL,
      inject: [SpoolEnv, HubEnv],
      useFactory: ({ spoolFile }: SpoolEnv, { maxRowBytes }: HubEnv) => openSpool(spoolFile, maxRowBytes),
    },
    { provide: SpoolFile, inject: [OWNED_SPOOL], useFactory: ({ file }: OwnedSpool) => file },
    SpoolMetrics,
  ],
  exports: [SpoolFile],
})
export class SpoolModule implements OnApplicationShutdown {
  static readonly environment = [SpoolEnv];

  constructor(@Inject(OWNED_SPOOL) private readonly spool: OwnedSpool) {}

  /** After the last cycle, whose end SyncService awaits before. */
  async onApplicationShutdown(): Promise<void> {
    await this.spool.file.close();
    this.spool.lock.release();
  }
}
