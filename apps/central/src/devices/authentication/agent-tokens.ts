import { hash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { patterns } from '@rivulet/protocol';
import { LRUCache } from 'lru-cache';
import type { KnownDevice } from '../device';
import { DeviceTables, type TableTransaction } from '../device-tables';
import { DeviceDirectory } from '../registry/device-directory';

/** Tokens whose device is remembered: about 50,000. */
const TOKENS_MAX_BYTES = 16 * 1024 * 1024;
const TOKEN_BYTES = 320;
const AGENT_TOKEN = /^rvt_[A-Za-z0-9_-]{43}$/;

/** The credentials of an Authorization header: an agent's token as Bearer, or as the password of Basic. */
export interface AgentCredentials {
  /** The user name of Basic. */
  deviceId?: string;
  token: string;
}

/** Long-lived tokens of agents, which are too small for keys. They are stored as their SHA-256. */
@Injectable()
export class AgentTokens {
  private readonly deviceOf = new LRUCache<string, string>({
    maxSize: TOKENS_MAX_BYTES,
    sizeCalculation: () => TOKEN_BYTES,
  });

  constructor(
    private readonly tables: DeviceTables,
    private readonly directory: DeviceDirectory,
  ) {}

  /** Undefined when the token is that of no device, or of another than Basic names. */
  async find({ deviceId, token }: AgentCredentials): Promise<KnownDevice | undefined> {
    if (!isAgentToken(token) || (deviceId !== undefined && !patterns.ulid.test(deviceId))) return undefined;
    const digest = digestOf(token);
    const id = deviceId ?? this.deviceOf.get(digest) ?? (await this.lookUp(digest));
    const known = id === undefined ? undefined : await this.directory.find(id);
    if (known === undefined || !known.tokens.includes(digest)) return undefined;
    this.deviceOf.set(digest, known.deviceId);
    return known;
  }

  /** As find(), from memory alone. */
  recall({ deviceId, token }: AgentCredentials): KnownDevice | undefined {
    const digest = digestOf(token);
    const id = deviceId ?? this.deviceOf.get(digest);
    const known = id === undefined ? undefined : this.directory.recall(id);
    return known?.tokens.includes(digest) === true ? known : undefined;
  }

  /** Takes the place of all tokens that the device had. */
  async replace(deviceId: string): Promise<string> {
    const token = await this.tables.transaction(async (transaction) => {
      await transaction.rows('DELETE FROM rivulet.device_tokens WHERE device_id = $1', [deviceId]);
      return issueToken(transaction, deviceId);
    });
    this.directory.forget(deviceId);
    return token;
  }

  private async lookUp(digest: string): Promise<string | undefined> {
    const [found] = await this.tables.rows<{ deviceId: string }>(
      'SELECT device_id AS "deviceId" FROM rivulet.device_tokens WHERE token_digest = $1',
      [digest],
    );
    return found?.deviceId;
  }
}

export function isAgentToken(text: string): boolean {
  return AGENT_TOKEN.test(text);
}

/** @returns the token, which nobody can read later */
export async function issueToken(transaction: TableTransaction, deviceId: string): Promise<string> {
  const token = `rvt_${randomBytes(32).toString('base64url')}`;
  await transaction.rows('INSERT INTO rivulet.device_tokens (token_digest, device_id) VALUES ($1, $2)', [
    digestOf(token),
    deviceId,
  ]);
  await transaction.rows('UPDATE rivulet.devices SET changed_at = clock_timestamp() WHERE device_id = $1', [
    deviceId,
  ]);
  return token;
}

export function digestOf(token: string): string {
  return hash('sha256', token);
}

/** Undefined where the header has neither Bearer nor Basic. */
export function readCredentials(header: string | undefined): AgentCredentials | undefined {
  const [, scheme, value] = /^(Bearer|Basic) +(\S+) *$/i.exec(header ?? '') ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return { token: value };
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { deviceId: text.slice(0, colon), token: text.slice(colon + 1) };
}
