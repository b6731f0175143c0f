import { Injectable } from '@nestjs/common';
import { atMostEntries, OwnTables } from '@rivulet/platform';
import { LRUCache } from 'lru-cache';
import type { Role } from './role';
import { userColumns, type User } from './user';

/** A change by a different process takes effect within this time. */
const REMEMBERED_MS = 2_500;
const REMEMBERED_MAX = 5_000;

/** A user with the hash of its password, which must not leave central. */
export interface KnownUser extends User {
  passwordHash: string;
}

export interface KnownKey {
  user: KnownUser;
  keyId: string;
  keyRole: Role;
  expiresAt: Date;
}

type Found = { user?: KnownUser | undefined; key?: KnownKey | undefined };

/** Users as each call of an operator needs them, from memory: at most 2.5 s old, and never old in the process that changed them. */
@Injectable()
export class UserDirectory {
  private readonly found = new LRUCache<string, Found>({
    ...atMostEntries(REMEMBERED_MAX),
    ttl: REMEMBERED_MS,
  });
  private generation = 0;

  constructor(private readonly tables: OwnTables) {}

  /** @param login - a user name or an e-mail address, in capitals or not */
  async findByLogin(login: string): Promise<KnownUser | undefined> {
    // PostgreSQL's texts cannot hold it.
    if (login.includes('\0')) return undefined;
    // As it is: what JavaScript and PostgreSQL take for capitals differs, and nobody may be found missing by the name of another.
    const { user } = await this.remember(`login ${login}`, async () => ({
      user: await this.read(
        'FROM rivulet.users WHERE lower(username) = lower($1) OR lower(email) = lower($1)',
        [login],
      ),
    }));
    return user;
  }

  /** Undefined when the session has ended, or is not that of the user. */
  async findBySession(sessionId: string, userId: string): Promise<KnownUser | undefined> {
    const { user } = await this.remember(`session ${sessionId} ${userId}`, async () => ({
      user: await this.read(
        `FROM rivulet.users JOIN rivulet.user_sessions USING (user_id)
         WHERE session_id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > now()`,
        [sessionId, userId],
      ),
    }));
    return user;
  }

  /** Undefined when no key has this digest, or it was revoked. */
  async findByKey(digest: Buffer): Promise<KnownKey | undefined> {
    const { key } = await this.remember(`key ${digest.toString('base64')}`, async () => {
      const [row] = await this.tables.rows<KnownUser & { keyId: string; keyRole: Role; keyExpiresAt: Date }>(
        `SELECT ${userColumns}, password_hash AS "passwordHash", key_id AS "keyId", api_keys.role AS "keyRole",
           expires_at AS "keyExpiresAt"
         FROM rivulet.users JOIN rivulet.api_keys USING (user_id) WHERE key_digest = $1 AND revoked_at IS NULL`,
        [digest],
      );
      if (row === undefined) return {};
      const { keyId, keyRole, keyExpiresAt, ...user } = row;
      return { key: { user, keyId, keyRole, expiresAt: keyExpiresAt } };
    });
    return key;
  }

  /** After any change of users, sessions or keys. */
  forget(): void {
    this.tables.afterCommit(() => {
      this.generation += 1;
      this.found.clear();
    });
  }

  private async remember(name: string, read: () => Promise<Found>): Promise<Found> {
    const known = this.found.get(name);
    if (known !== undefined) return known;
    const { generation } = this;
    const found = await read();
    // A user read before a change must not be remembered after it.
    if (generation === this.generation) this.found.set(name, found);
    return found;
  }

  private async read(from: string, values: unknown[]): Promise<KnownUser | undefined> {
    const [user] = await this.tables.rows<KnownUser>(
      `SELECT ${userColumns}, password_hash AS "passwordHash" ${from}`,
      values,
    );
    return user;
  }
}
