import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ChunkStore } from '../snapshots/chunk-store';
import { StoreRepair } from '../snapshots/store-repair';
import { ManifestService } from './manifests/manifest.service';

/** Manifests that are not looked at again at once, whatever a device reports: its frames are read whole. */
const REMEMBERED = 1_000;
const REMEMBERED_MS = 10 * 60_000;

/**
 * Looks at the stored frames of a manifest when a device says that they came damaged. Blocks are sent as they are stored,
 * unread, so nobody but the device sees it. Mostly the network was at fault.
 */
@Injectable()
export class DamagedFrames implements OnApplicationShutdown {
  private readonly logger = new Logger('Store');
  private readonly looked = new LRUCache<string, true>({ max: REMEMBERED, ttl: REMEMBERED_MS });
  private looking: Promise<void> = Promise.resolve();
  private isStopping = false;

  constructor(
    private readonly manifests: ManifestService,
    private readonly store: ChunkStore,
    private readonly repair: StoreRepair,
  ) {}

  /** One manifest after the other, while the device goes on. Resolves when that of this manifest is done. */
  async look(manifestId: string): Promise<void> {
    if (this.looked.has(manifestId)) return;
    this.looked.set(manifestId, true);
    this.looking = this.looking.then(async () => this.lookAt(manifestId));
    return this.looking;
  }

  async onApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    await this.looking;
  }

  private async lookAt(manifestId: string): Promise<void> {
    if (this.isStopping) return;
    try {
      const frames = await this.manifests.plannedFrames(manifestId);
      const removed = await this.store.removeDamaged(frames.map(({ digest }) => digest));
      if (removed > 0) await this.repair.run();
    } catch (error) {
      this.logger.warn({ err: error, manifestId }, 'The stored frames of a manifest could not be looked at.');
    }
  }
}
