import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ConfigurationStore } from '../store/configuration-store';
import type { StoredVersion } from '../store/stored-version';

const MEMORY_MAX_BYTES = 32 * 1024 * 1024;
/** The memory of an entry beside its content. */
const OVERHEAD_BYTES = 1_024;

/** Versions as they were stored, from memory where possible: they never change. */
@Injectable()
export class VersionContents {
  private readonly known = new LRUCache<string, StoredVersion>({ maxSize: MEMORY_MAX_BYTES });
  private readonly reading = new Map<string, Promise<StoredVersion>>();

  constructor(private readonly store: ConfigurationStore) {}

  /** From memory alone. */
  recall(name: string, version: number): StoredVersion | undefined {
    return this.known.get(keyOf(name, version));
  }

  /** @throws RivuletError CONFIGURATION_VERSION_UNKNOWN */
  async get(name: string, version: number): Promise<StoredVersion> {
    const key = keyOf(name, version);
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const running = this.reading.get(key) ?? this.read(key, name, version);
    this.reading.set(key, running);
    return running;
  }

  private async read(key: string, name: string, version: number): Promise<StoredVersion> {
    try {
      const stored = await this.store.version(name, version);
      const { data, overlays, targets } = stored;
      const size = OVERHEAD_BYTES + 2 * JSON.stringify([data, overlays, targets]).length;
      this.known.set(key, stored, { size });
      return stored;
    } finally {
      this.reading.delete(key);
    }
  }
}

function keyOf(name: string, version: number): string {
  return `${name}\n${version}`;
}
