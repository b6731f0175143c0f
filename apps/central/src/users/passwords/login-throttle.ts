import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { atMostEntries, networkOf, OwnTables } from '@rivulet/platform';
import { LRUCache } from 'lru-cache';

/** Guesses in a window, over all processes of central. Guesses that are refused do not count, and do not prolong it. */
const WINDOW_SECONDS = 15 * 60;
const LIMITS = { pair: 5, address: 50, account: 10 } as const;
const REFUSALS_KEPT = 10_000;

type Scope = keyof typeof LIMITS;

/** Who wants to log in as whom. */
export interface LoginAttempt {
  /** The same for the user name and the e-mail address of a user. */
  account: string;
  address: string;
  /** Whether this account has logged in from this address before. */
  isKnownAddress: boolean;
}

/**
 * Bounds the guesses of passwords: 5 for an account from one address, 10 for an account from all addresses that it never
 * logged in from, 50 from one address. The second limit does not concern addresses where the owner was before, so that
 * guessing from elsewhere cannot lock the owner out.
 */
@Injectable()
export class LoginThrottle {
  /** Until when what is refused; a flood of guesses must not become a flood of statements. */
  private readonly refusedUntilMs = new LRUCache<string, number>(atMostEntries(REFUSALS_KEPT));

  constructor(private readonly tables: OwnTables) {}

  /**
   * Takes a guess before the password is looked at, so that those that come at once are counted, too.
   *
   * @throws RivuletError LOGIN_THROTTLED
   */
  async admit(attempt: LoginAttempt): Promise<void> {
    this.refuseKnown(attempt);
    const keys = keysOf(attempt);
    const refused = await this.tables.transaction(async (transaction) => {
      // In this order everywhere, so that no two wait for each other. What is refused by one is not counted by the next.
      for (const [scope, key] of keys) {
        const [taken] = await transaction.rows<{ isOver: boolean; seconds: number }>(takeAttempt, [
          scope,
          digestOf(key),
          WINDOW_SECONDS,
          LIMITS[scope],
        ]);
        if (taken!.isOver) return { scope, key, seconds: Math.max(1, Math.ceil(taken!.seconds)) };
      }
      return undefined;
    });
    if (refused === undefined) return;
    this.refusedUntilMs.set(`${refused.scope} ${refused.key}`, performance.now() + refused.seconds * 1_000);
    throw throttled(refused.seconds);
  }

  /** The guess was right: it is none. */
  async forgive(attempt: LoginAttempt): Promise<void> {
    const keys = keysOf(attempt);
    await this.tables.rows(giveBack, [keys.map(([scope]) => scope), keys.map(([, key]) => digestOf(key))]);
  }

  /**
   * Refuses what this process knows to be refused, at no cost.
   *
   * @throws RivuletError LOGIN_THROTTLED
   */
  refuseKnown(attempt: LoginAttempt): void {
    for (const [scope, key] of keysOf(attempt)) this.refuseRemembered(scope, key);
  }

  private refuseRemembered(scope: Scope, key: string): void {
    const untilMs = this.refusedUntilMs.get(`${scope} ${key}`);
    if (untilMs === undefined) return;
    const seconds = (untilMs - performance.now()) / 1_000;
    if (seconds > 0) throw throttled(Math.ceil(seconds));
    this.refusedUntilMs.delete(`${scope} ${key}`);
  }
}

function keysOf({ account, address, isKnownAddress }: LoginAttempt): [Scope, string][] {
  const network = networkOf(address);
  const keys: [Scope, string][] = [
    ['pair', `${account} ${network}`],
    ['address', network],
  ];
  return isKnownAddress ? keys : [...keys, ['account', account]];
}

function throttled(retryAfterSeconds: number): RivuletError {
  return new RivuletError('LOGIN_THROTTLED', 'There were too many failed logins.', { retryAfterSeconds });
}

function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/** One that is over the limit stays as it is. Windows that have passed are removed on the way. */
const takeAttempt = `
WITH old AS (
  DELETE FROM rivulet.login_attempts WHERE (scope, key_digest) IN (
    SELECT scope, key_digest FROM rivulet.login_attempts
    WHERE started_at < now() - 2 * $3 * interval '1 second' LIMIT 10 FOR UPDATE SKIP LOCKED)
), taken AS (
  INSERT INTO rivulet.login_attempts AS known (scope, key_digest, attempts, started_at)
  VALUES ($1, $2, 1, clock_timestamp())
  ON CONFLICT (scope, key_digest) DO UPDATE SET
    attempts = CASE WHEN known.started_at < clock_timestamp() - $3 * interval '1 second' THEN 1
                    ELSE least(known.attempts + 1, $4 + 1) END,
    started_at = CASE WHEN known.started_at < clock_timestamp() - $3 * interval '1 second' THEN clock_timestamp()
                      ELSE known.started_at END
  RETURNING attempts, started_at
)
SELECT attempts > $4 AS "isOver",
  extract(epoch FROM started_at + $3 * interval '1 second' - clock_timestamp())::float8 AS seconds
FROM taken`;

const giveBack = `
UPDATE rivulet.login_attempts SET attempts = greatest(attempts - 1, 0)
WHERE (scope, key_digest) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))`;
