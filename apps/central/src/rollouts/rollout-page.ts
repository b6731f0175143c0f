import { Injectable } from '@nestjs/common';
import { estimateEnd } from './machine/estimate-end';
import type { StageCounts } from './machine/stage-counts';
import { RolloutStandings } from './store/rollout-standings';
import { RolloutStore } from './store/rollout-store';
import type { RolloutEvent, RolloutOutcome, StoredRollout } from './store/stored-rollout';
import { RolloutSubjects } from './subjects/rollout-subjects';

export interface RolloutPage extends StoredRollout {
  /** The figures of stages that have begun. */
  counts: StageCounts[];
  failures: RolloutOutcome['failures'];
  estimatedEnd: Date | null;
}

/** Everything that there is to say of a rollout. */
@Injectable()
export class RolloutPages {
  constructor(
    private readonly store: RolloutStore,
    private readonly standings: RolloutStandings,
    private readonly subjects: RolloutSubjects,
  ) {}

  /** @throws RivuletError ROLLOUT_UNKNOWN */
  async get(rolloutId: string): Promise<RolloutPage> {
    return this.of(await this.store.get(rolloutId));
  }

  /** The page of a rollout; of a finished one, how it ended. */
  async of(rollout: StoredRollout): Promise<RolloutPage> {
    const { outcome, plan, state } = rollout;
    if (outcome !== null)
      return { ...rollout, counts: outcome.stages, failures: outcome.failures, estimatedEnd: null };
    const facts = await this.subjects.of(rollout.kind).facts(rollout);
    const { stages: counts } = await this.standings.of(rollout, facts, { proofs: true });
    const failures = await this.standings.failures(facts);
    const estimated = estimateEnd(plan, state, counts, durationsOf(rollout.events), await this.store.now());
    return { ...rollout, counts, failures, estimatedEnd: estimated ?? null };
  }
}

/** Duration of the stages that have passed, in milliseconds. */
function durationsOf(events: readonly RolloutEvent[]): number[] {
  let beganMs: number | undefined;
  return events.flatMap(({ what, at }) => {
    if (what === 'began') beganMs = Date.parse(at);
    return what === 'passed' && beganMs !== undefined ? [Date.parse(at) - beganMs] : [];
  });
}
