import { Injectable } from '@nestjs/common';
import { bucketOf, stageOf } from './machine/stage-of';
import { RolloutStore } from './store/rollout-store';
import type { StoredRollout } from './store/stored-rollout';

/** A version that some devices have before others. */
export interface ActiveRollout {
  version: number;
  reaches(device: { deviceId: string; labels: Record<string, string> }): boolean;
}

/** The rollouts under way. */
@Injectable()
export class ActiveRollouts {
  constructor(private readonly store: RolloutStore) {}

  /** By subject. */
  async of(kind: string): Promise<Map<string, ActiveRollout>> {
    const active = await this.store.active(kind);
    return new Map(active.map((rollout) => [rollout.subject, activeOf(rollout)]));
  }

  /** Within the transaction that holds the subject. @throws RivuletError ROLLOUT_ACTIVE */
  async refuse(kind: string, subject: string): Promise<void> {
    await this.store.refuseActive(kind, subject);
  }
}

function activeOf({ rolloutId, version, plan, state: { bounds } }: StoredRollout): ActiveRollout {
  return {
    version,
    reaches: ({ deviceId, labels }) =>
      stageOf(plan, bounds, bucketOf(rolloutId, deviceId), labels) !== undefined,
  };
}
