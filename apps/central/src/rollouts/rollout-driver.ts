import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError, OwnTables } from '@rivulet/platform';
import { advance } from './machine/advance';
import type { RolloutState } from './machine/rollout-state';
import { RolloutsMetrics } from './rollouts.metrics';
import { RolloutStandings } from './store/rollout-standings';
import { RolloutStore } from './store/rollout-store';
import type { RolloutEvent, RolloutOutcome, StoredRollout } from './store/stored-rollout';
import { RolloutSubjects } from './subjects/rollout-subjects';

const EVERY_MS = 1_000;
/** Between two looks at one rollout: so long, and so many times what a look costs. */
const PAUSE = { leastMs: 1_000, times: 20 };
/** After a look that failed, so that others have their turn. */
const PAUSE_AFTER_FAILURE_MS = 15_000;

/**
 * Takes rollouts from stage to stage. Each central looks each second; the row of a rollout is locked while one of them
 * looks at it, the others pass it over, and each step is taken once.
 */
@Injectable()
export class RolloutDriver {
  private readonly logger = new Logger('Rollouts');
  private readonly looking = new Coalesced(() => this.lookAtAll());

  constructor(
    private readonly tables: OwnTables,
    private readonly store: RolloutStore,
    private readonly standings: RolloutStandings,
    private readonly subjects: RolloutSubjects,
    private readonly metrics: RolloutsMetrics,
  ) {}

  /** Never fails. */
  @Interval('rollouts', EVERY_MS)
  async look(): Promise<void> {
    try {
      await this.looking.run();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Rollouts were not looked at: ${message}`);
    }
  }

  private async lookAtAll(): Promise<void> {
    // Nearly always there is none, and a transaction takes three statements.
    if (!(await this.store.hasDue())) return;
    for (let wasThere = true; wasThere;) wasThere = await this.lookAtOne();
  }

  /** @returns whether one was due */
  private async lookAtOne(): Promise<boolean> {
    let claimed: StoredRollout | undefined;
    try {
      const moved = await this.tables.transaction(async () => {
        const due = await this.store.claim();
        claimed = due;
        return due && this.step(due, due.now);
      });
      if (moved?.event !== undefined) await this.tell(moved.rollout, moved.event);
    } catch (error) {
      if (claimed === undefined) throw error;
      const { code, message } = namedError(error);
      this.logger.warn({ code, rollout: claimed.rolloutId }, `A rollout could not go on: ${message}`);
      await this.store.lookAgainIn(claimed.rolloutId, PAUSE_AFTER_FAILURE_MS);
    }
    return claimed !== undefined;
  }

  private async step(
    rollout: StoredRollout,
    now: Date,
  ): Promise<{ rollout: StoredRollout; event?: RolloutEvent }> {
    const startedMs = performance.now();
    const { rolloutId, plan, state } = rollout;
    const proofs = plan.stages.some(({ gate }) => gate.currentPercent > 0);
    const facts = await this.subjects.of(rollout.kind).facts(rollout);
    const next = advance(plan, state, await this.standings.of(rollout, facts, { proofs }), now);
    if (next !== state) {
      const event = eventOf(state, next, now);
      await this.move(rollout, next, event);
      return { rollout, event };
    }
    const costMs = performance.now() - startedMs;
    await this.store.lookAgainIn(rolloutId, Math.max(PAUSE.leastMs, PAUSE.times * costMs));
    return { rollout };
  }

  /** Within the transaction that holds its row. */
  async move(rollout: StoredRollout, next: RolloutState, event: RolloutEvent): Promise<void> {
    const isOver = next.status === 'completed' || next.status === 'aborted';
    const outcome = isOver ? await this.outcomeOf({ ...rollout, state: next }) : null;
    await this.store.save(rollout, next, event, outcome);
    const isOther = isOver || next.bounds !== rollout.state.bounds;
    if (isOther) await this.subjects.of(rollout.kind).reach(rollout, next.status === 'completed');
  }

  private async outcomeOf(rollout: StoredRollout): Promise<RolloutOutcome> {
    const facts = await this.subjects.of(rollout.kind).facts(rollout);
    const { stages } = await this.standings.of(rollout, facts, { proofs: true });
    return { stages, failures: await this.standings.failures(facts) };
  }

  /** After the commit. */
  async tell(rollout: StoredRollout, event: RolloutEvent): Promise<void> {
    const { rolloutId, kind, subject, version } = rollout;
    this.metrics.events.inc({ kind, what: event.what });
    const line = `Rollout of version ${version} of ${subject}: ${event.what}, stage ${event.stage + 1}${event.detail === null ? '' : `. ${event.detail}`}`;
    const needsPerson = event.by === null && (event.what === 'paused' || event.what === 'aborted');
    if (needsPerson) this.logger.warn({ rollout: rolloutId }, line);
    else this.logger.log({ rollout: rolloutId }, line);
    await this.subjects.of(kind).announce(rollout);
  }
}

function eventOf(before: RolloutState, after: RolloutState, now: Date): RolloutEvent {
  const { stage, detail } = after;
  const isNext = after.stage !== before.stage;
  const what = after.status === 'running' ? (isNext ? 'passed' : 'began') : after.status;
  return { at: now.toISOString(), what, stage: isNext ? before.stage : stage, by: null, detail };
}
