import { hash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { OwnTables, type TableTransaction } from '@rivulet/platform';
import { monotonicFactory } from 'ulid';
import { AuditLog } from '../audit/audit-log';
import type { Caller } from '../audit/current-caller';
import { UserDirectory } from '../user-directory';
import { UsersEnv } from '../users.env';
import { AccessJwt } from './access-jwt';

/** More than anybody has open at once; the oldest make room. */
const SESSIONS_MAX = 50;
/** Used tokens that are remembered of a session, so that their reuse is noticed. */
const USED_KEPT = 50;
const REFRESH_TOKEN = /^rvr_[A-Za-z0-9_-]{43}$/;
const USER_AGENT_MAX = 200;

export interface SessionOrigin {
  address: string;
  userAgent: string | undefined;
}

/** A session that was begun or refreshed. */
export interface IssuedTokens {
  userId: string;
  sessionId: string;
  accessToken: string;
  refreshToken: string;
  expiresInSeconds: number;
}

export interface Session {
  sessionId: string;
  address: string;
  userAgent: string | null;
  createdAt: Date;
  refreshedAt: Date;
  expiresAt: Date;
}

export type EndReason = 'logout' | 'ended' | 'reused' | 'password';

/** Logins: an access token of minutes, and refresh tokens that are valid once. */
@Injectable()
export class Sessions {
  private readonly nextUlid = monotonicFactory();

  constructor(
    private readonly tables: OwnTables,
    private readonly jwt: AccessJwt,
    private readonly env: UsersEnv,
    private readonly directory: UserDirectory,
    private readonly audit: AuditLog,
  ) {}

  async begin(userId: string, { address, userAgent }: SessionOrigin): Promise<IssuedTokens> {
    const sessionId = this.nextUlid();
    const refreshToken = await this.tables.transaction(async (transaction) => {
      await transaction.rows(insertSession, [
        sessionId,
        userId,
        address,
        userAgent?.slice(0, USER_AGENT_MAX) ?? null,
        this.env.sessionLifeMs,
        SESSIONS_MAX,
      ]);
      return this.issueRefreshToken(transaction, sessionId);
    });
    this.directory.forget();
    return this.issued(userId, sessionId, refreshToken);
  }

  /**
   * When two send a token at once, the row lock gives it to one; the other is a reuse.
   *
   * @throws RivuletError REFRESH_TOKEN_INVALID · REFRESH_TOKEN_REUSED
   */
  async refresh(token: string, caller: Caller): Promise<IssuedTokens> {
    if (!REFRESH_TOKEN.test(token)) throw invalidRefreshToken();
    const refreshed = await this.tables.transaction(async (transaction) => {
      const [found] = await transaction.rows<FoundToken>(lockRefreshToken, [digestOf(token)]);
      if (found === undefined || found.isOver) throw invalidRefreshToken();
      const { userId, sessionId } = found;
      if (found.isUsed) {
        await endSessions(transaction, 'reused', 'session_id = $2', [sessionId]);
        const entry = { action: 'session.reuse', targetKind: 'session', targetId: sessionId };
        await this.audit.record(caller, { ...entry, after: { userId } });
        return { userId, sessionId };
      }
      await transaction.rows('UPDATE rivulet.refresh_tokens SET used_at = now() WHERE token_digest = $1', [
        digestOf(token),
      ]);
      await transaction.rows('UPDATE rivulet.user_sessions SET refreshed_at = now() WHERE session_id = $1', [
        sessionId,
      ]);
      return { userId, sessionId, refreshToken: await this.issueRefreshToken(transaction, sessionId) };
    });
    if (refreshed.refreshToken === undefined) {
      this.directory.forget();
      throw new RivuletError(
        'REFRESH_TOKEN_REUSED',
        'The refresh token was used before: the session was ended.',
      );
    }
    return this.issued(refreshed.userId, refreshed.sessionId, refreshed.refreshToken);
  }

  /** Those that are open, the latest first. */
  async list(userId: string): Promise<Session[]> {
    return this.tables.rows<Session>(
      `SELECT session_id AS "sessionId", address, user_agent AS "userAgent", created_at AS "createdAt",
         refreshed_at AS "refreshedAt", expires_at AS "expiresAt"
       FROM rivulet.user_sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now()
       ORDER BY session_id DESC LIMIT ${SESSIONS_MAX}`,
      [userId],
    );
  }

  /** @throws RivuletError SESSION_UNKNOWN */
  async end(userId: string, sessionId: string, reason: EndReason): Promise<void> {
    const ended = await endSessions(this.tables, reason, 'user_id = $2 AND session_id = $3', [
      userId,
      sessionId,
    ]);
    this.directory.forget();
    if (ended === 0) {
      throw new RivuletError('SESSION_UNKNOWN', `The user has no open session ${sessionId}.`);
    }
  }

  /** @returns how many there were */
  async endAll(userId: string, reason: EndReason, exceptSessionId = ''): Promise<number> {
    const ended = await endSessions(this.tables, reason, 'user_id = $2 AND session_id <> $3', [
      userId,
      exceptSessionId,
    ]);
    this.directory.forget();
    return ended;
  }

  private async issued(userId: string, sessionId: string, refreshToken: string): Promise<IssuedTokens> {
    const { token, expiresInSeconds } = await this.jwt.issue({ userId, sessionId });
    return { userId, sessionId, accessToken: token, refreshToken, expiresInSeconds };
  }

  private async issueRefreshToken(transaction: TableTransaction, sessionId: string): Promise<string> {
    const token = `rvr_${randomBytes(32).toString('base64url')}`;
    await transaction.rows(insertRefreshToken, [
      digestOf(token),
      sessionId,
      this.env.sessionIdleMs,
      USED_KEPT,
    ]);
    return token;
  }
}

interface FoundToken {
  userId: string;
  sessionId: string;
  isUsed: boolean;
  isOver: boolean;
}

/** @returns how many there were */
async function endSessions(
  tables: Pick<OwnTables, 'rows'>,
  reason: EndReason,
  condition: string,
  values: unknown[],
): Promise<number> {
  const ended = await tables.rows(
    `UPDATE rivulet.user_sessions SET ended_at = now(), end_reason = $1
     WHERE ended_at IS NULL AND ${condition} RETURNING session_id`,
    [reason, ...values],
  );
  return ended.length;
}

function invalidRefreshToken(): RivuletError {
  return new RivuletError('REFRESH_TOKEN_INVALID', 'The refresh token is not valid.');
}

function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** The user's sessions that were over a month ago are removed on the way, and the oldest of too many. */
const insertSession = `
WITH old AS (
  DELETE FROM rivulet.user_sessions
  WHERE user_id = $2 AND (least(ended_at, expires_at) < now() - interval '30 days' OR session_id IN (
    SELECT session_id FROM rivulet.user_sessions WHERE user_id = $2 AND ended_at IS NULL
    ORDER BY session_id DESC OFFSET $6 - 1))
)
INSERT INTO rivulet.user_sessions (session_id, user_id, address, user_agent, expires_at)
VALUES ($1, $2, $3, $4, now() + $5 * interval '1 millisecond')`;

const insertRefreshToken = `
WITH old AS (
  DELETE FROM rivulet.refresh_tokens WHERE session_id = $2 AND token_digest IN (
    SELECT token_digest FROM rivulet.refresh_tokens WHERE session_id = $2 ORDER BY issued_at DESC OFFSET $4)
)
INSERT INTO rivulet.refresh_tokens (token_digest, session_id, expires_at)
VALUES ($1, $2, now() + $3 * interval '1 millisecond')`;

const lockRefreshToken = `
SELECT user_id AS "userId", session_id AS "sessionId", used_at IS NOT NULL AS "isUsed",
  (ended_at IS NOT NULL OR is_disabled OR user_sessions.expires_at <= now() OR token.expires_at <= now()) AS "isOver"
FROM rivulet.refresh_tokens AS token JOIN rivulet.user_sessions USING (session_id) JOIN rivulet.users USING (user_id)
WHERE token_digest = $1 FOR UPDATE OF token`;
