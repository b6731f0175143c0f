import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { RivuletError } from '@rivulet/errors';
import { Coalesced, namedError } from '@rivulet/platform';
import { DataSource } from 'typeorm';
import { ActiveRollouts, type ActiveRollout } from '../../rollouts/active-rollouts';
import type { TargetDevice } from '../content/configuration-content';
import { EffectiveConfigurations, type EffectiveConfiguration } from './effective-configurations';
import { VersionContents } from './version-contents';

/** Which version of a configuration who has at present. */
export interface CurrentConfiguration {
  name: string;
  /** Rises with every change of what devices are to have, in all processes. */
  generation: number;
  releasedVersion: number | null;
  /** A newer version that some devices have before others. */
  rollout?: ActiveRollout | undefined;
}

/** The name of this subject in rollouts and in the audit log. */
export const CONFIGURATION = 'configuration';

interface Latest {
  latest: number;
  epoch: number;
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
  private epoch = 1;
  private readonly listeners: ((name: string) => void)[] = [];
  private readonly loading = new Coalesced(() => this.load());

  constructor(
    private readonly database: DataSource,
    private readonly contents: VersionContents,
    private readonly effective: EffectiveConfigurations,
    private readonly rollouts: ActiveRollouts,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.refresh();
  }

  /** Another one whenever some devices are to have something else. */
  markOf(name: string): string {
    return `${this.epoch}.${this.generationOf(name)}`;
  }

  /** Called for each configuration of which some devices are to have something else. Must not throw. */
  onChange(listener: (name: string) => void): void {
    this.listeners.push(listener);
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
    for (const version of this.versionsFor(name, device)) {
      const found = this.effective.of(await this.contents.get(name, version), device);
      if (found !== undefined) return this.ofThisLife(found);
    }
    return undefined;
  }

  /** As for(), where all that it asks is in memory. */
  recall(name: string, device: TargetDevice): EffectiveConfiguration | undefined {
    for (const version of this.versionsFor(name, device)) {
      const stored = this.contents.recall(name, version);
      if (stored === undefined) return undefined;
      const found = this.effective.of(stored, device);
      if (found !== undefined) return this.ofThisLife(found);
    }
    return undefined;
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
      const [{ latest, epoch }] = await this.database.query<[Latest]>(latestGeneration);
      if (latest !== this.seen || epoch !== this.epoch) await this.refresh();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Changes of configurations cannot be looked for: ${message}`);
    }
  }

  /** The newest first; it counts where the device is one of its targets. */
  private versionsFor(name: string, device: TargetDevice): number[] {
    const { rollout, releasedVersion = null } = this.current.get(name) ?? {};
    const released = releasedVersion === null ? [] : [releasedVersion];
    return rollout?.reaches(device) === true ? [rollout.version, ...released] : released;
  }

  /** After a restore of the database numbers of versions come again, for something else. */
  private ofThisLife(found: EffectiveConfiguration): EffectiveConfiguration {
    if (this.epoch === 1) return found;
    return { ...found, etag: found.etag.replace(/"$/, `-e${this.epoch}"`) };
  }

  private async load(): Promise<void> {
    const [{ latest, epoch }] = await this.database.query<[Latest]>(latestGeneration);
    const rows = await this.database.query<CurrentConfiguration[]>(readCurrent);
    // After the generations: what is remembered may be newer than its generation, never older.
    const rollouts = await this.rollouts.of(CONFIGURATION);
    const before = this.current;
    this.current = new Map(rows.map((row) => [row.name, { ...row, rollout: rollouts.get(row.name) }]));
    this.seen = latest;
    this.epoch = epoch;
    for (const { name, generation } of rows)
      if (before.get(name)?.generation !== generation) for (const listener of this.listeners) listener(name);
  }
}

/** Sums at most 1,000 rows. A sum, not the highest: the later number of two changes may become visible first. */
const latestGeneration = `
SELECT (SELECT coalesce(sum(generation), 0)::float8 FROM rivulet.configurations) AS latest, epoch
FROM rivulet.central_state`;
const readCurrent = `
SELECT name, generation::float8 AS generation, released_version AS "releasedVersion" FROM rivulet.configurations`;
