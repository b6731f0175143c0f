import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { HubEnv } from '../hub/hub.env';
import { openSpool } from './open-spool';
import { SpoolFile } from './spool-file';
import { SpoolEnv } from './spool.env';
import { SpoolMetrics } from './spool.metrics';

/** The file of frames that have arrived and wait to be applied. */
@Module({
  providers: [
    {
      provide: SpoolFile,
      inject: [SpoolEnv, HubEnv],
      useFactory: ({ spoolFile }: SpoolEnv, { maxRowBytes }: HubEnv) => openSpool(spoolFile, maxRowBytes),
    },
    SpoolMetrics,
  ],
  exports: [SpoolFile],
})
export class SpoolModule implements OnApplicationShutdown {
  static readonly environment = [SpoolEnv];

  constructor(private readonly spool: SpoolFile) {}

  /** After the last cycle, whose end SyncService awaits before. */
  async onApplicationShutdown(): Promise<void> {
    await this.spool.close();
  }
}
