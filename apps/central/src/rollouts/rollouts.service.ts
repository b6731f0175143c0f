import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { monotonicFactory } from 'ulid';
import { AuditLog } from '../users/audit/audit-log';
import type { Caller } from '../users/audit/current-caller';
import { next } from './machine/advance';
import type { RolloutPlan } from './machine/rollout-plan';
import type { RolloutState } from './machine/rollout-state';
import { RolloutDriver } from './rollout-driver';
import { RolloutStore } from './store/rollout-store';
import type { RolloutEvent, StoredRollout } from './store/stored-rollout';

export interface RolloutOrder {
  kind: string;
  subject: string;
  comment: string | null;
  plan: RolloutPlan;
  caller: Caller;
  /** Locks what goes out, and says what it is; throws where it cannot go out. */
  begin: () => Promise<{ version: number; previousVersion: number | null }>;
}

type Steering = 'pause' | 'resume' | 'abort';

/** Operators' work on rollouts. */
@Injectable()
export class RolloutsService {
  private readonly nextUlid = monotonicFactory();

  constructor(
    private readonly store: RolloutStore,
    private readonly driver: RolloutDriver,
    private readonly audit: AuditLog,
  ) {}

  /** @throws RivuletError ROLLOUT_ACTIVE · what `begin` throws */
  async create({ kind, subject, comment, plan, caller, begin }: RolloutOrder): Promise<StoredRollout> {
    const createdBy = nameOf(caller);
    const event = eventBy(createdBy, 'created', 0, comment, await this.store.now());
    const made = await this.audit.change(caller, {
      action: 'rollout.create',
      targetKind: 'rollout',
      idOf: ({ rolloutId }) => rolloutId,
      change: async () => {
        await this.store.refuseActive(kind, subject, 'FOR UPDATE');
        const begun = await begin();
        await this.store.refuseActive(kind, subject);
        const rollout = { rolloutId: this.nextUlid(), kind, subject, comment, plan, createdBy, ...begun };
        await this.store.insert({ ...rollout, event });
        return rollout;
      },
    });
    const stored = await this.store.get(made.rolloutId);
    await this.driver.tell(stored, event);
    await this.driver.look();
    return this.store.get(made.rolloutId);
  }

  /** @throws RivuletError ROLLOUT_UNKNOWN · ROLLOUT_CONFLICT */
  async pause(rolloutId: string, caller: Caller, detail: string | null): Promise<StoredRollout> {
    return this.steer('pause', rolloutId, caller, detail, (rollout, now) => {
      if (rollout.state.status !== 'running') throw conflict(rollout, 'running');
      return { ...rollout.state, status: 'paused', reason: 'operator', detail, since: now };
    });
  }

  /**
   * @param passGate - the stage counts as passed, although its gate is not
   * @throws RivuletError ROLLOUT_UNKNOWN · ROLLOUT_CONFLICT
   */
  async resume(
    rolloutId: string,
    caller: Caller,
    detail: string | null,
    passGate: boolean,
  ): Promise<StoredRollout> {
    return this.steer('resume', rolloutId, caller, detail, (rollout, now) => {
      const { plan, state } = rollout;
      if (state.status !== 'paused') throw conflict(rollout, 'paused');
      const isBegun = state.bounds.length > state.stage;
      if (passGate && isBegun) return next(plan, state, now);
      return { ...state, status: 'running', reason: null, detail: null, since: now };
    });
  }

  /** Devices get back what they had. @throws RivuletError ROLLOUT_UNKNOWN · ROLLOUT_CONFLICT */
  async abort(rolloutId: string, caller: Caller, detail: string | null): Promise<StoredRollout> {
    return this.steer('abort', rolloutId, caller, detail, (rollout, now) => {
      const { status } = rollout.state;
      if (status !== 'running' && status !== 'paused') throw conflict(rollout, 'running or paused');
      return { ...rollout.state, status: 'aborted', reason: 'operator', detail, since: now };
    });
  }

  private async steer(
    steering: Steering,
    rolloutId: string,
    caller: Caller,
    detail: string | null,
    decide: (rollout: StoredRollout, now: Date) => RolloutState,
  ): Promise<StoredRollout> {
    const what = ({ pause: 'paused', resume: 'resumed', abort: 'aborted' } as const)[steering];
    const moved = await this.audit.change(caller, {
      action: `rollout.${steering}`,
      targetKind: 'rollout',
      targetId: rolloutId,
      after: ({ event }) => event,
      change: async () => {
        const rollout = await this.store.get(rolloutId, 'FOR UPDATE');
        // As the driver has it: the clocks of several centrals are several.
        const now = await this.store.now();
        const decided = decide(rollout, now);
        const happened = decided.status === 'completed' ? 'completed' : what;
        const event = eventBy(nameOf(caller), happened, rollout.state.stage, detail, now);
        await this.driver.move(rollout, decided, event);
        return { rollout, event };
      },
    });
    await this.driver.tell(moved.rollout, moved.event);
    if (what === 'resumed') await this.driver.look();
    return this.store.get(rolloutId);
  }
}

function conflict({ rolloutId, state: { status } }: StoredRollout, wanted: string): RivuletError {
  return new RivuletError('ROLLOUT_CONFLICT', `Rollout ${rolloutId} is ${status}, not ${wanted}.`);
}

function nameOf({ operator }: Caller): string {
  return operator?.name ?? 'anyone';
}

function eventBy(
  by: string,
  what: RolloutEvent['what'],
  stage: number,
  detail: string | null,
  now: Date,
): RolloutEvent {
  return { at: now.toISOString(), what, stage, by, detail };
}
