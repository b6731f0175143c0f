import { Injectable, type OnModuleInit } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { labelJson } from '../../devices/has-label';
import type { RolloutPlan } from '../../rollouts/machine/rollout-plan';
import { RolloutPages, type RolloutPage } from '../../rollouts/rollout-page';
import { RolloutsService } from '../../rollouts/rollouts.service';
import type { DeviceFacts, RolloutChange, RolloutSubject } from '../../rollouts/subjects/rollout-subject';
import { RolloutSubjects } from '../../rollouts/subjects/rollout-subjects';
import type { Caller } from '../../users/audit/current-caller';
import { AnnounceConfigurations } from '../current/announce-configurations';
import { CONFIGURATION, CurrentConfigurations } from '../current/current-configurations';
import { VersionContents } from '../current/version-contents';
import { ConfigurationStore } from '../store/configuration-store';

export interface ConfigurationRolloutOrder {
  /** The latest, unless given. */
  version?: number | undefined;
  comment?: string | undefined;
  plan: RolloutPlan;
  caller: Caller;
}

/** The reads and writes of configurations that rollouts need. */
@Injectable()
export class ConfigurationRollouts implements RolloutSubject, OnModuleInit {
  readonly kind = CONFIGURATION;

  constructor(
    private readonly store: ConfigurationStore,
    private readonly contents: VersionContents,
    private readonly current: CurrentConfigurations,
    private readonly announcements: AnnounceConfigurations,
    private readonly subjects: RolloutSubjects,
    private readonly rollouts: RolloutsService,
    private readonly pages: RolloutPages,
  ) {}

  onModuleInit(): void {
    this.subjects.register(this);
  }

  /** @throws RivuletError CONFIGURATION_UNKNOWN · CONFIGURATION_VERSION_UNKNOWN · CONFIGURATION_CONFLICT · ROLLOUT_ACTIVE */
  async begin(
    name: string,
    { version, comment, plan, caller }: ConfigurationRolloutOrder,
  ): Promise<RolloutPage> {
    const rollout = await this.rollouts.create({
      kind: CONFIGURATION,
      subject: name,
      comment: comment ?? null,
      plan,
      caller,
      begin: () => this.lockVersion(name, version),
    });
    return this.pages.of(rollout);
  }

  async facts({ subject, version }: RolloutChange): Promise<DeviceFacts> {
    const { targets } = await this.contents.get(subject, version);
    const labels = targets?.labels.map(labelJson) ?? null;
    return { query: readFacts, values: [subject, version, targets?.devices ?? null, labels] };
  }

  async reach({ subject, version }: RolloutChange, isComplete: boolean): Promise<void> {
    await this.store.changeReach(subject, isComplete ? version : undefined);
  }

  async announce({ subject }: RolloutChange): Promise<void> {
    await this.current.lookInBackground();
    await this.announcements.announce(subject);
  }

  private async lockVersion(
    name: string,
    wanted: number | undefined,
  ): Promise<{ version: number; previousVersion: number | null }> {
    const { latestVersion, releasedVersion: previousVersion } = await this.store.lock(name);
    const { version } = await this.store.version(name, wanted ?? latestVersion);
    if (version > (previousVersion ?? 0)) return { version, previousVersion };
    throw new RivuletError(
      'CONFIGURATION_CONFLICT',
      `Version ${version} of ${name} is not newer than ${previousVersion}, which is released.`,
      {
        nextStep: `Add a version with "release": false, or bring an old one back: POST /api/configurations/${name}/versions/${version}/restore.`,
      },
    );
  }
}

/**
 * One look at all active devices that are targets: two sequential reads and a hash join. Where it is asked for, also for
 * each device the manifest that it was given last, by the index on (registry_id, epoch, sequence).
 */
const readFacts = `
SELECT device.device_id, labels, last_seen_at AS heard_at,
  CASE WHEN reported_version = $2 THEN lower(configured.status)
    WHEN configured.version = $2 THEN 'sent' ELSE 'waiting' END AS status,
  CASE WHEN reported_version = $2 THEN reason END AS reason,
  CASE WHEN reported_version = $2 THEN applied_at END AS applied_at,
  coalesce((
    SELECT report.status = 'applied' FROM rivulet.sync_manifests AS manifest
    LEFT JOIN rivulet.sync_acknowledgements AS report USING (manifest_id)
    WHERE manifest.registry_id = device.device_id
    ORDER BY manifest.epoch DESC, manifest.sequence DESC LIMIT 1), false) AS is_current
FROM rivulet.devices AS device
LEFT JOIN rivulet.configuration_devices AS configured
  ON configured.name = $1 AND configured.device_id = device.device_id
WHERE device.status = 'active'
  AND ($3::text[] IS NULL OR device.device_id = ANY ($3) OR labels @> ANY ($4::jsonb[]))`;
