import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { OwnTables, type TableTransaction } from '@rivulet/platform';
import { monotonicFactory } from 'ulid';
import { PasswordHash } from '../passwords/password-hash';
import { refuseWeakPassword } from '../passwords/password-rules';
import type { Role } from '../role';
import { Sessions } from '../sessions/sessions';
import { userColumns, type User } from '../user';
import { UserDirectory } from '../user-directory';

/** A list is one page: there are no more users than people who steer a fleet. */
const USERS_MAX = 1_000;

export interface NewUser {
  username: string;
  email?: string | undefined;
  role: Role;
  password: string;
  mustChangePassword: boolean;
}

/** Undefined fields stay. */
export interface UserChanges {
  email?: string | null | undefined;
  role?: Role | undefined;
  isDisabled?: boolean | undefined;
}

/** Creates, changes and removes users. */
@Injectable()
export class UserAccounts {
  private readonly nextUlid = monotonicFactory();

  constructor(
    private readonly tables: OwnTables,
    private readonly hashes: PasswordHash,
    private readonly directory: UserDirectory,
    private readonly sessions: Sessions,
  ) {}

  /** @throws RivuletError USER_NAME_TAKEN · PASSWORD_WEAK */
  async create(user: NewUser): Promise<User> {
    refuseWeakPassword(user.password, user.username);
    const passwordHash = await this.hashes.make(user.password);
    const [created] = await this.tables.rows<User>(
      `INSERT INTO rivulet.users (user_id, username, email, role, password_hash, must_change_password)
       SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM rivulet.users) < ${USERS_MAX}
       ON CONFLICT DO NOTHING RETURNING ${userColumns}`,
      [this.nextUlid(), user.username, user.email ?? null, user.role, passwordHash, user.mustChangePassword],
    );
    this.directory.forget();
    if (created !== undefined) return created;
    throw new RivuletError(
      'USER_NAME_TAKEN',
      `The user name or e-mail address of ${user.username} is taken, or there are ${USERS_MAX} users already.`,
    );
  }

  async list(): Promise<User[]> {
    return this.tables.rows<User>(
      `SELECT ${userColumns} FROM rivulet.users ORDER BY lower(username) LIMIT ${USERS_MAX}`,
    );
  }

  /** @throws RivuletError USER_UNKNOWN */
  async get(userId: string): Promise<User> {
    const [user] = await this.tables.rows<User>(
      `SELECT ${userColumns} FROM rivulet.users WHERE user_id = $1`,
      [userId],
    );
    return user ?? unknownUser(userId);
  }

  /** @throws RivuletError USER_UNKNOWN · USER_NAME_TAKEN · LAST_ADMIN */
  async change(userId: string, { email, role, isDisabled }: UserChanges): Promise<User> {
    const changed = await this.keepingAnAdmin(async (transaction) => {
      if (email !== undefined && email !== null) await refuseTakenEmail(transaction, userId, email);
      const [user] = await transaction.rows<User>(
        `UPDATE rivulet.users SET email = CASE WHEN $2 THEN $3 ELSE email END, role = coalesce($4, role),
           is_disabled = coalesce($5, is_disabled), changed_at = now()
         WHERE user_id = $1 RETURNING ${userColumns}`,
        [userId, email !== undefined, email ?? null, role ?? null, isDisabled ?? null],
      );
      return user ?? unknownUser(userId);
    });
    this.directory.forget();
    if (changed.isDisabled) await this.sessions.endAll(userId, 'ended');
    return changed;
  }

  /** @throws RivuletError USER_UNKNOWN · LAST_ADMIN */
  async remove(userId: string): Promise<User> {
    const removed = await this.keepingAnAdmin(async (transaction) => {
      const [user] = await transaction.rows<User>(
        `DELETE FROM rivulet.users WHERE user_id = $1 RETURNING ${userColumns}`,
        [userId],
      );
      return user ?? unknownUser(userId);
    });
    this.directory.forget();
    return removed;
  }

  /**
   * Ends the sessions of the user, but for the one that the change comes from.
   *
   * @throws RivuletError USER_UNKNOWN · PASSWORD_WEAK
   */
  async setPassword(
    userId: string,
    password: string,
    {
      mustChangePassword = false,
      exceptSessionId,
    }: { mustChangePassword?: boolean; exceptSessionId?: string | undefined } = {},
  ): Promise<User> {
    const { username } = await this.get(userId);
    refuseWeakPassword(password, username);
    const passwordHash = await this.hashes.make(password);
    const changed = await this.tables.transaction(async (transaction) => {
      const [user] = await transaction.rows<User>(
        `UPDATE rivulet.users SET password_hash = $2, must_change_password = $3, password_changed_at = now(),
           changed_at = now() WHERE user_id = $1 RETURNING ${userColumns}`,
        [userId, passwordHash, mustChangePassword],
      );
      await this.sessions.endAll(userId, 'password', exceptSessionId);
      return user ?? unknownUser(userId);
    });
    this.directory.forget();
    return changed;
  }

  /** The lock makes two changes that each leave one admin see what the other left. */
  private async keepingAnAdmin<T>(work: (transaction: TableTransaction) => Promise<T>): Promise<T> {
    return this.tables.transaction(async (transaction) => {
      await transaction.rows('LOCK TABLE rivulet.users IN SHARE ROW EXCLUSIVE MODE');
      const result = await work(transaction);
      const admins = await transaction.rows(
        `SELECT 1 FROM rivulet.users WHERE role = 'admin' AND NOT is_disabled LIMIT 1`,
      );
      if (admins.length > 0) return result;
      throw new RivuletError('LAST_ADMIN', 'No active admin would be left.');
    });
  }
}

/** For somebody to read once and to replace: 144 random bits. */
export function randomPassword(): string {
  return randomBytes(18).toString('base64url');
}

async function refuseTakenEmail(transaction: TableTransaction, userId: string, email: string): Promise<void> {
  const taken = await transaction.rows(
    'SELECT 1 FROM rivulet.users WHERE lower(email) = lower($2) AND user_id <> $1',
    [userId, email],
  );
  if (taken.length > 0) throw new RivuletError('USER_NAME_TAKEN', 'The e-mail address is taken.');
}

function unknownUser(userId: string): never {
  throw new RivuletError('USER_UNKNOWN', `There is no user ${userId}.`);
}
