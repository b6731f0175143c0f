import { hash, randomBytes } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { atMostEntries, namedError, OwnTables } from '@rivulet/platform';
import { LRUCache } from 'lru-cache';
import { monotonicFactory } from 'ulid';
import { UserDirectory, type KnownKey } from '../user-directory';
import type { Role } from '../role';

const API_KEY = /^rvk_[A-Za-z0-9_-]{43}$/;
const USE_NOTED_EVERY_MS = 60_000;
const KEYS_REMEMBERED = 5_000;
const LISTED_MAX = 500;

/** A key without its secret. */
export interface ApiKey {
  keyId: string;
  userId: string;
  username: string;
  name: string;
  role: Role;
  createdAt: Date;
  expiresAt: Date;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

export interface NewApiKey {
  userId: string;
  name: string;
  role: Role;
  expiresInDays: number;
}

const keyColumns = `
  key_id AS "keyId", user_id AS "userId", username, name, api_keys.role, api_keys.created_at AS "createdAt",
  expires_at AS "expiresAt", last_used_at AS "lastUsedAt", revoked_at AS "revokedAt"`;

/** API keys: automation sends one in place of a login. A key never may do more than its owner. */
@Injectable()
export class ApiKeys {
  private readonly logger = new Logger('Users');
  private readonly nextUlid = monotonicFactory();
  private readonly recentlyUsed = new LRUCache<string, true>({
    ...atMostEntries(KEYS_REMEMBERED),
    ttl: USE_NOTED_EVERY_MS,
  });

  constructor(
    private readonly tables: OwnTables,
    private readonly directory: UserDirectory,
  ) {}

  /** @returns the key itself too, which nobody can read later */
  async create(order: NewApiKey): Promise<ApiKey & { key: string }> {
    const key = `rvk_${randomBytes(32).toString('base64url')}`;
    const [created] = await this.tables.rows<ApiKey>(
      `WITH api_keys AS (
         INSERT INTO rivulet.api_keys (key_id, user_id, name, role, key_digest, expires_at)
         VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 day') RETURNING *)
       SELECT ${keyColumns} FROM api_keys JOIN rivulet.users USING (user_id)`,
      [this.nextUlid(), order.userId, order.name, order.role, digestOf(key), order.expiresInDays],
    );
    this.directory.forget();
    return { ...created!, key };
  }

  /** @param userId - undefined: of all users */
  async list(userId?: string): Promise<ApiKey[]> {
    return this.tables.rows<ApiKey>(
      `SELECT ${keyColumns} FROM rivulet.api_keys JOIN rivulet.users USING (user_id)
       WHERE $1::text IS NULL OR user_id = $1 ORDER BY key_id DESC LIMIT ${LISTED_MAX}`,
      [userId ?? null],
    );
  }

  /**
   * @param userId - undefined: whoever has it
   * @throws RivuletError API_KEY_UNKNOWN
   */
  async revoke(keyId: string, userId?: string): Promise<ApiKey> {
    const [revoked] = await this.tables.rows<ApiKey>(
      `UPDATE rivulet.api_keys SET revoked_at = coalesce(revoked_at, now()) FROM rivulet.users
       WHERE users.user_id = api_keys.user_id AND key_id = $1 AND ($2::text IS NULL OR api_keys.user_id = $2)
       RETURNING ${keyColumns.replace('user_id AS', 'api_keys.user_id AS')}`,
      [keyId, userId ?? null],
    );
    this.directory.forget();
    if (revoked === undefined) throw new RivuletError('API_KEY_UNKNOWN', `There is no API key ${keyId}.`);
    return revoked;
  }

  /** Undefined when nobody has it, or it was revoked. */
  async find(key: string): Promise<KnownKey | undefined> {
    return isApiKey(key) ? this.directory.findByKey(digestOf(key)) : undefined;
  }

  /** Once a minute for each key. */
  noteUse({ keyId }: KnownKey): void {
    if (this.recentlyUsed.has(keyId)) return;
    this.recentlyUsed.set(keyId, true);
    this.tables
      .rows('UPDATE rivulet.api_keys SET last_used_at = now() WHERE key_id = $1', [keyId])
      .catch((error: unknown) => {
        const { code, message } = namedError(error);
        this.logger.warn({ code }, `The use of API key ${keyId} was not noted: ${message}`);
      });
  }
}

export function isApiKey(text: string): boolean {
  return API_KEY.test(text);
}

function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}
