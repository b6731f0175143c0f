import { Injectable } from '@nestjs/common';
import { countFailures, countStages, type StageCounts } from './machine/count-stages';
import { estimateEnd } from './machine/estimate-end';
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
    const facts = await this.subjects.of(rollout.kind).facts(rollout, { proofs: true });
    const counts = countStages(rollout.rolloutId, plan, state, facts);
    const estimated = estimateEnd(plan, state, counts, durationsOf(rollout.events), new Date());
    return { ...rollout, counts, failures: countFailures(facts), estimatedEnd: estimated ?? null };
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
