import { Injectable, Logger } from '@nestjs/common';
import { requestInvalid } from '@rivulet/platform';
import { ActiveRollouts } from '../rollouts/active-rollouts';
import { AuditLog } from '../users/audit/audit-log';
import type { Caller } from '../users/audit/current-caller';
import { ConfigurationsEnv } from './configurations.env';
import { ConfigurationsMetrics } from './configurations.metrics';
import type { ConfigurationContent, Overlay, Targets } from './content/configuration-content';
import { compareDocuments, type DocumentChange } from './content/compare-documents';
import { refuseLargeContent, refusePlainSecrets } from './content/content-rules';
import { mergePatch } from './content/merge-patch';
import { checkAgainstSchema, compileSchema } from './content/schema-check';
import { AnnounceConfigurations } from './current/announce-configurations';
import { CONFIGURATION, CurrentConfigurations } from './current/current-configurations';
import { VersionContents } from './current/version-contents';
import { ConfigurationStore } from './store/configuration-store';
import type { StoredConfiguration, StoredVersion } from './store/stored-version';

/** The content that an operator wants devices to have. Undefined fields stay as in the latest version. */
export interface ProposedVersion {
  data: unknown;
  overlays?: Overlay[] | undefined;
  targets?: Targets | null | undefined;
  pollIntervalSeconds?: number | undefined;
}

export interface VersionOrder extends ProposedVersion {
  caller: Caller;
  comment?: string | undefined;
  /** False: it waits for a rollout. */
  release?: boolean | undefined;
  expectedVersion?: number | undefined;
}

export interface VersionDifference {
  from: number;
  to: number;
  data: DocumentChange[];
  overlays: DocumentChange[];
  targets: DocumentChange[];
  pollIntervalSeconds: DocumentChange[];
}

/** Changes configurations. */
@Injectable()
export class ConfigurationsService {
  private readonly logger = new Logger('Configurations');

  constructor(
    private readonly env: ConfigurationsEnv,
    private readonly store: ConfigurationStore,
    private readonly contents: VersionContents,
    private readonly current: CurrentConfigurations,
    private readonly metrics: ConfigurationsMetrics,
    private readonly audit: AuditLog,
    private readonly announcements: AnnounceConfigurations,
    private readonly rollouts: ActiveRollouts,
  ) {}

  /** @throws RivuletError CONFIGURATION_SCHEMA_INVALID · CONFIGURATION_CONFLICT · what checkContent throws of the latest version */
  async describe(
    name: string,
    changes: { description?: string | null; schema?: unknown },
    caller: Caller,
  ): Promise<StoredConfiguration> {
    if (changes.schema !== undefined && changes.schema !== null) {
      compileSchema(changes.schema);
      const latest = await this.latest(name);
      if (latest !== undefined) checkAgainstSchema(changes.schema, documentsOf(latest));
    }
    return this.audit.change(caller, {
      action: 'configuration.change',
      ...targetOf(name),
      change: () => this.store.describe(name, changes),
    });
  }

  /**
   * @throws RivuletError CONFIGURATION_TOO_LARGE · CONFIGURATION_SECRET · CONFIGURATION_INVALID · CONFIGURATION_CONFLICT ·
   *   ROLLOUT_ACTIVE · REQUEST_INVALID
   */
  async add(name: string, order: VersionOrder): Promise<StoredVersion> {
    const content = await this.complete(name, order);
    this.checkContent(content);
    return this.keep(name, content, order);
  }

  /**
   * The content of an old version as a new one: numbers never go back.
   *
   * @throws RivuletError CONFIGURATION_VERSION_UNKNOWN · and as {@link add}
   */
  async restore(
    name: string,
    version: number,
    order: { caller: Caller; comment?: string | undefined; release?: boolean | undefined },
  ): Promise<StoredVersion> {
    const { data, overlays, targets, pollIntervalSeconds } = await this.contents.get(name, version);
    const comment = order.comment ?? `Version ${version} again`;
    return this.keep(
      name,
      { data, overlays, targets, pollIntervalSeconds },
      { ...order, comment, restoredFrom: version },
    );
  }

  /** @throws RivuletError CONFIGURATION_VERSION_UNKNOWN */
  async difference(name: string, from: number, to: number): Promise<VersionDifference> {
    const [before, after] = await Promise.all([this.contents.get(name, from), this.contents.get(name, to)]);
    return {
      from,
      to,
      data: compareDocuments(before.data, after.data),
      overlays: compareDocuments(byTarget(before.overlays), byTarget(after.overlays)),
      targets: compareDocuments(before.targets, after.targets),
      pollIntervalSeconds: compareDocuments(before.pollIntervalSeconds, after.pollIntervalSeconds),
    };
  }

  /** The version as it would be stored, checked by all but the JSON Schema. */
  async propose(name: string, proposed: ProposedVersion): Promise<ConfigurationContent> {
    const content = await this.complete(name, proposed);
    this.checkContent(content);
    const known = (await this.store.list()).find((configuration) => configuration.name === name);
    checkAgainstSchema(known?.schema, documentsOf(content));
    return content;
  }

  /** Undefined where there is no version yet. */
  async latest(name: string): Promise<StoredVersion | undefined> {
    const known = (await this.store.list()).find((configuration) => configuration.name === name);
    if (known === undefined || known.latestVersion === 0) return undefined;
    return this.contents.get(name, known.latestVersion);
  }

  private async complete(name: string, proposed: ProposedVersion): Promise<ConfigurationContent> {
    const latest = await this.latest(name);
    return {
      data: proposed.data,
      overlays: proposed.overlays ?? latest?.overlays ?? [],
      targets: proposed.targets === undefined ? (latest?.targets ?? null) : proposed.targets,
      pollIntervalSeconds:
        proposed.pollIntervalSeconds ??
        latest?.pollIntervalSeconds ??
        Math.round(this.env.pollIntervalMs / 1_000),
    };
  }

  private checkContent(content: ConfigurationContent): void {
    const shortest = Math.ceil(this.env.pollIntervalMinMs / 1_000);
    if (content.pollIntervalSeconds < shortest) {
      throw requestInvalid([{ field: 'poll interval', reason: `must be at least ${shortest} seconds` }]);
    }
    refuseLargeContent(content);
    refusePlainSecrets([
      { place: 'data', data: content.data },
      ...content.overlays.map(({ data }, at) => ({ place: `overlays/${at}/data`, data })),
    ]);
  }

  private async keep(
    name: string,
    content: ConfigurationContent,
    order: {
      caller: Caller;
      comment?: string | undefined;
      restoredFrom?: number;
      release?: boolean | undefined;
      expectedVersion?: number | undefined;
    },
  ): Promise<StoredVersion> {
    const { caller, comment = null, restoredFrom, release = true, expectedVersion } = order;
    const author = caller.operator?.name ?? 'anyone';
    const numbered = { ...content, author, comment, release, expectedVersion, restoredFrom };
    const added = await this.audit.change(caller, {
      action: 'configuration.version',
      ...targetOf(name),
      change: () =>
        this.store.add(name, numbered, async ({ schema }) => {
          if (release) await this.rollouts.refuse(CONFIGURATION, name);
          checkAgainstSchema(schema, documentsOf(content));
        }),
      after: ({ version, sha256 }) => ({ version, sha256, comment, restoredFrom, release }),
    });
    this.metrics.versions.inc();
    this.logger.log(`Version ${added.version} of ${name} by ${author}${release ? '' : ', not released yet'}`);
    await this.current.refresh();
    if (release) await this.announcements.announce(name);
    return added;
  }
}

/** The documents that devices may get from a version, each overlay by itself: there are too many combinations of labels. */
function documentsOf({ data, overlays }: ConfigurationContent): { place: string; data: unknown }[] {
  const merged = overlays.map((overlay, at) => ({
    place: `overlays/${at}/data`,
    data: mergePatch(data, overlay.data),
  }));
  return [{ place: 'data', data }, ...merged];
}

function byTarget(overlays: Overlay[]): Record<string, unknown> {
  return Object.fromEntries(
    overlays.map((overlay) => [
      'device' in overlay ? `device ${overlay.device}` : `label ${overlay.label}`,
      overlay.data,
    ]),
  );
}

function targetOf(name: string): { targetKind: string; targetId: string } {
  return { targetKind: CONFIGURATION, targetId: name };
}
