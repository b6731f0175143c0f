import { createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { atMostEntries, networkOf, OwnTables } from '@rivulet/platform';
import { LRUCache } from 'lru-cache';
import { AuditLog } from '../audit/audit-log';
import { UserDirectory, type KnownUser } from '../user-directory';
import { UsersMetrics } from '../users.metrics';
import { LoginThrottle } from './login-throttle';
import { PasswordHash } from './password-hash';

/** How long a password that was right need not be hashed again. It ends at once when the password is changed. */
const REMEMBERED_MS = 60_000;
const REMEMBERED_MAX = 1_000;
const ADDRESSES_KEPT = 20;
const LOGIN_MAX = 320;
const PASSWORD_MAX = 1_024;
/** Somebody at the machine of central is known: guesses from elsewhere must not keep a new user from the first login. */
const THIS_MACHINE = new Set(['127.0.0.1', '::1'].map(networkOf));

/** A caller's claim to be somebody. */
export interface PasswordClaim {
  /** A user name or an e-mail address. */
  login: string;
  password: string;
  address: string;
  /** The call's request id, for the audit log. */
  requestId: string;
}

/** Finds out whether somebody knows the password of a user. */
@Injectable()
export class CheckPassword {
  private readonly key = randomBytes(32);
  private readonly remembered = new LRUCache<string, true>({
    ...atMostEntries(REMEMBERED_MAX),
    ttl: REMEMBERED_MS,
  });
  /** The same claim, made many times at once, is one guess. */
  private readonly underWay = new Map<string, Promise<KnownUser>>();

  constructor(
    private readonly directory: UserDirectory,
    private readonly throttle: LoginThrottle,
    private readonly hashes: PasswordHash,
    private readonly tables: OwnTables,
    private readonly metrics: UsersMetrics,
    private readonly audit: AuditLog,
  ) {}

  /** @throws RivuletError LOGIN_FAILED · LOGIN_THROTTLED · SERVER_BUSY */
  async check(claim: PasswordClaim): Promise<KnownUser> {
    if (claim.login.length > LOGIN_MAX || claim.password.length > PASSWORD_MAX) throw failed();
    const user = await this.directory.findByLogin(claim.login);
    if (user !== undefined && this.isRemembered(user, claim)) return user;
    const same = this.digestOf([claim.login, claim.password, claim.address]);
    const underWay = this.underWay.get(same);
    if (underWay !== undefined) return underWay;
    const run = this.compare(user, claim).finally(() => this.underWay.delete(same));
    this.underWay.set(same, run);
    return run;
  }

  /** An account closed by guesses stays closed: comparing with a remembered password would be a guess that does not count. */
  private isRemembered(user: KnownUser, claim: PasswordClaim): boolean {
    if (user.isDisabled || !this.remembered.has(this.proofOf(user, claim))) return false;
    this.throttle.refuseKnown({ account: user.userId, address: claim.address, isKnownAddress: true });
    return true;
  }

  private async compare(user: KnownUser | undefined, claim: PasswordClaim): Promise<KnownUser> {
    const attempt = {
      account: user?.userId ?? claim.login.toLowerCase(),
      address: claim.address,
      isKnownAddress: await this.isKnown(user, claim.address),
    };
    try {
      await this.throttle.admit(attempt);
    } catch (error) {
      this.metrics.logins.inc({ outcome: 'throttled' });
      throw error;
    }
    const isRight = await this.hashes.matches(user?.passwordHash, claim.password);
    if (user === undefined || !isRight || user.isDisabled) {
      this.metrics.logins.inc({ outcome: 'failed' });
      await this.recordFailure(user, claim);
      throw failed();
    }
    this.metrics.logins.inc({ outcome: 'passed' });
    await this.throttle.forgive(attempt);
    await this.tables.rows(rememberAddress, [user.userId, networkOf(claim.address), ADDRESSES_KEPT]);
    this.remembered.set(this.proofOf(user, claim), true);
    return user;
  }

  /** Without the name that was given: people type their password there. */
  private async recordFailure(
    user: KnownUser | undefined,
    { address, requestId }: PasswordClaim,
  ): Promise<void> {
    const entry = { action: 'login.fail', targetKind: 'user', targetId: user?.userId ?? 'unknown' };
    await this.audit.record({ address, requestId }, { ...entry, after: { username: user?.username } });
  }

  /** Asked of nobody, too: who is known must not show in how long an answer takes. */
  private async isKnown(user: KnownUser | undefined, address: string): Promise<boolean> {
    if (THIS_MACHINE.has(networkOf(address))) return true;
    const found = await this.tables.rows(
      'SELECT 1 FROM rivulet.user_addresses WHERE user_id = $1 AND address = $2',
      [user?.userId ?? '', networkOf(address)],
    );
    return found.length > 0;
  }

  /** Holds for as long as the hash of the password stays the same. Neither is kept. */
  private proofOf({ userId, passwordHash }: KnownUser, { password, address }: PasswordClaim): string {
    return this.digestOf([userId, passwordHash, password, networkOf(address)]);
  }

  private digestOf(parts: string[]): string {
    return createHmac('sha256', this.key).update(JSON.stringify(parts)).digest('base64');
  }
}

function failed(): RivuletError {
  return new RivuletError('LOGIN_FAILED', 'The user name or the password is wrong.');
}

/** The latest of a user. */
const rememberAddress = `
WITH old AS (
  DELETE FROM rivulet.user_addresses WHERE user_id = $1 AND address IN (
    SELECT address FROM rivulet.user_addresses WHERE user_id = $1 AND address <> $2
    ORDER BY last_login_at DESC OFFSET $3 - 1)
), logged_in AS (
  UPDATE rivulet.users SET last_login_at = now() WHERE user_id = $1
)
INSERT INTO rivulet.user_addresses (user_id, address, last_login_at) VALUES ($1, $2, now())
ON CONFLICT (user_id, address) DO UPDATE SET last_login_at = now()`;
