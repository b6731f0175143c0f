import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { OwnTables } from '@rivulet/platform';
import type { RolloutState, RolloutStatus } from '../machine/rollout-state';
import type { RolloutEvent, RolloutOutcome, StoredRollout } from './stored-rollout';

export interface NewRollout extends Pick<
  StoredRollout,
  'rolloutId' | 'kind' | 'subject' | 'version' | 'previousVersion' | 'comment' | 'plan' | 'createdBy'
> {
  event: RolloutEvent;
}

/** Number of rollouts kept for one subject. Older ones are removed. */
const FINISHED_KEPT = 200;
const EVENTS_KEPT = 100;

const isDue = `status = 'running' AND next_look_at <= clock_timestamp()`;

type Row = Omit<StoredRollout, 'state'> & RolloutState;

/** One row for each rollout. What is locked here is locked before what goes out: see create(). */
@Injectable()
export class RolloutStore {
  constructor(private readonly tables: OwnTables) {}

  /** By the clock of the database, which all centrals have in common. */
  async now(): Promise<Date> {
    const [{ now }] = (await this.tables.rows<{ now: Date }>('SELECT clock_timestamp() AS now')) as [
      { now: Date },
    ];
    return now;
  }

  /** The latest first. */
  async list(filter: {
    kind?: string | undefined;
    subject?: string | undefined;
    status?: RolloutStatus | undefined;
    before?: string | undefined;
    limit: number;
  }): Promise<StoredRollout[]> {
    const { kind = null, subject = null, status = null, before = null, limit } = filter;
    const rows = await this.tables.rows<Row>(
      `SELECT ${columns} FROM rivulet.rollouts
       WHERE ($1::text IS NULL OR kind = $1) AND ($2::text IS NULL OR subject = $2)
         AND ($3::text IS NULL OR status = $3) AND ($4::text IS NULL OR rollout_id < $4)
       ORDER BY rollout_id DESC LIMIT $5`,
      [kind, subject, status, before, limit],
    );
    return rows.map(stored);
  }

  /** @throws RivuletError ROLLOUT_UNKNOWN */
  async get(rolloutId: string, lock: '' | 'FOR UPDATE' = ''): Promise<StoredRollout> {
    const [found] = await this.tables.rows<Row>(
      `SELECT ${columns} FROM rivulet.rollouts WHERE rollout_id = $1 ${lock}`,
      [rolloutId],
    );
    if (found !== undefined) return stored(found);
    throw new RivuletError('ROLLOUT_UNKNOWN', `There is no rollout ${rolloutId}.`);
  }

  async hasDue(): Promise<boolean> {
    const found = await this.tables.rows(`SELECT FROM rivulet.rollouts WHERE ${isDue} LIMIT 1`);
    return found.length > 0;
  }

  /** One that is due, locked; those that others look at are passed over. */
  async claim(): Promise<(StoredRollout & { now: Date }) | undefined> {
    const [found] = await this.tables.rows<Row & { now: Date }>(
      `SELECT ${columns}, clock_timestamp() AS now FROM rivulet.rollouts
       WHERE ${isDue}
       ORDER BY next_look_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
    );
    return found && { ...stored(found), now: found.now };
  }

  async active(kind: string): Promise<StoredRollout[]> {
    const rows = await this.tables.rows<Row>(
      `SELECT ${columns} FROM rivulet.rollouts WHERE kind = $1 AND status IN ('running', 'paused')`,
      [kind],
    );
    return rows.map(stored);
  }

  /**
   * Waits for whoever changes it. Before the subject itself is locked, as a rollout that goes on locks the two in this order.
   *
   * @throws RivuletError ROLLOUT_ACTIVE
   */
  async refuseActive(kind: string, subject: string, lock: '' | 'FOR UPDATE' = ''): Promise<void> {
    const [active] = await this.tables.rows<{ rolloutId: string; version: number }>(
      `SELECT rollout_id AS "rolloutId", version FROM rivulet.rollouts
       WHERE kind = $1 AND subject = $2 AND status IN ('running', 'paused') ${lock}`,
      [kind, subject],
    );
    if (active === undefined) return;
    throw new RivuletError(
      'ROLLOUT_ACTIVE',
      `Rollout ${active.rolloutId} brings version ${active.version} of ${subject} to devices.`,
    );
  }

  async insert(rollout: NewRollout): Promise<void> {
    const { kind, subject } = rollout;
    await this.tables.rows(
      `INSERT INTO rivulet.rollouts
         (rollout_id, kind, subject, version, previous_version, comment, plan, status, created_by, events)
       VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', $8, $9)`,
      [
        rollout.rolloutId,
        kind,
        subject,
        rollout.version,
        rollout.previousVersion,
        rollout.comment,
        JSON.stringify(rollout.plan),
        rollout.createdBy,
        JSON.stringify([rollout.event]),
      ],
    );
    await this.tables.rows(removeOld, [kind, subject, FINISHED_KEPT]);
  }

  async save(
    { rolloutId, events, outcome }: StoredRollout,
    state: RolloutState,
    event?: RolloutEvent,
    ended: RolloutOutcome | null = outcome,
  ): Promise<void> {
    const told = event === undefined ? events : [...events, event].slice(-EVENTS_KEPT);
    await this.tables.rows(saveState, [
      rolloutId,
      state.status,
      state.stage,
      JSON.stringify(state.bounds),
      state.beganAt,
      state.since,
      state.reason,
      state.detail,
      JSON.stringify(told),
      ended && JSON.stringify(ended),
    ]);
  }

  async lookAgainIn(rolloutId: string, ms: number): Promise<void> {
    await this.tables.rows(
      `UPDATE rivulet.rollouts SET next_look_at = clock_timestamp() + $2 * interval '1 ms' WHERE rollout_id = $1`,
      [rolloutId, ms],
    );
  }
}

function stored(row: Row): StoredRollout {
  const { status, stage, bounds, beganAt, since, reason, detail, ...rest } = row;
  return { ...rest, state: { status, stage, bounds, beganAt, since, reason, detail } };
}

const columns = `rollout_id AS "rolloutId", kind, subject, version, previous_version AS "previousVersion", comment, plan,
  status, stage, bounds, began_at AS "beganAt", since, reason, detail, events, outcome, created_by AS "createdBy",
  created_at AS "createdAt", finished_at AS "finishedAt"`;

const saveState = `
UPDATE rivulet.rollouts SET status = $2, stage = $3, bounds = $4, began_at = $5, since = $6, reason = $7, detail = $8,
  events = $9, outcome = $10, next_look_at = clock_timestamp(),
  finished_at = CASE WHEN $2 IN ('completed', 'aborted') THEN coalesce(finished_at, clock_timestamp()) END
WHERE rollout_id = $1`;

/** By the index on (kind, subject, rollout_id). */
const removeOld = `
DELETE FROM rivulet.rollouts WHERE kind = $1 AND subject = $2 AND rollout_id < (
  SELECT rollout_id FROM rivulet.rollouts WHERE kind = $1 AND subject = $2 ORDER BY rollout_id DESC OFFSET $3 LIMIT 1)`;
