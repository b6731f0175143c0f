import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { RivuletError } from '@rivulet/errors';
import { Coalesced, namedError } from '@rivulet/platform';
import { DataSource } from 'typeorm';
import type { TargetDevice } from '../content/configuration-content';
import { EffectiveConfigurations, type EffectiveConfiguration } from './effective-configurations';
import { VersionContents } from './version-contents';

/** Which version of a configuration who has at present. */
export interface CurrentConfiguration {
  name: string;
  /** Rises with every change of what devices are to have, in all processes. */
  generation: number;
  releasedVersion: number | null;
}

const LOOK_EVERY_MS = 2_000;

/**
 * What devices are to have, from memory. A change in this process counts at once, one in another process within two seconds.
 */
@Injectable()
export class CurrentConfigurations implements OnModuleInit {
  private readonly logger = new Logger('Configurations');
  private current = new Map<string, CurrentConfiguration>();
  private seen = -1;
  private readonly loading = new Coalesced(() => this.load());

  constructor(
    private readonly database: DataSource,
    private readonly contents: VersionContents,
    private readonly effective: EffectiveConfigurations,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.refresh();
  }

  /** Zero where there is none. */
  generationOf(name: string): number {
    return this.current.get(name)?.generation ?? 0;
  }

  all(): CurrentConfiguration[] {
    return [...this.current.values()];
  }

  /** Undefined where the device is to have none. */
  async for(name: string, device: TargetDevice): Promise<EffectiveConfiguration | undefined> {
    const version = this.versionFor(name, device);
    if (version === null) return undefined;
    return this.effective.of(await this.contents.get(name, version), device);
  }

  /** @throws RivuletError CONFIGURATION_UNKNOWN where the device is to have none */
  async require(name: string, device: TargetDevice): Promise<EffectiveConfiguration> {
    const found = await this.for(name, device);
    if (found !== undefined) return found;
    throw new RivuletError(
      'CONFIGURATION_UNKNOWN',
      `Device ${device.deviceId} has no configuration named "${name}".`,
    );
  }

  /** After a change. */
  async refresh(): Promise<void> {
    await this.loading.run();
  }

  @Interval('configurations', LOOK_EVERY_MS)
  async lookInBackground(): Promise<void> {
    try {
      const [{ latest }] = await this.database.query<[{ latest: number }]>(latestGeneration);
      if (latest !== this.seen) await this.refresh();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Changes of configurations cannot be looked for: ${message}`);
    }
  }

  private versionFor(name: string, _device: TargetDevice): number | null {
    return this.current.get(name)?.releasedVersion ?? null;
  }

  private async load(): Promise<void> {
    const [{ latest }] = await this.database.query<[{ latest: number }]>(latestGeneration);
    const rows = await this.database.query<CurrentConfiguration[]>(readCurrent);
    this.current = new Map(rows.map((row) => [row.name, row]));
    this.seen = latest;
  }
}

/** Sums at most 1,000 rows. A sum, not the highest: the later number of two changes may become visible first. */
const latestGeneration = `SELECT coalesce(sum(generation), 0)::float8 AS latest FROM rivulet.configurations`;
const readCurrent = `
SELECT name, generation::float8 AS generation, released_version AS "releasedVersion" FROM rivulet.configurations`;
