import { hash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { monotonicFactory } from 'ulid';
import { SigningKey } from '../../signing/signing-key';
import type { DeviceKind } from '../device';
import { DeviceTables, type TableTransaction } from '../device-tables';
import type { Labels } from '../registry/registered-device';

export interface EnrolmentTokenOrder {
  kind: DeviceKind;
  uses: number;
  expiresInSeconds: number;
  /** The only device that may use it. */
  macAddress?: string | undefined;
  /** The settings given to devices that use it. */
  labels: Labels;
  needsApproval: boolean;
  createdBy: string;
}

/** A token without its secret. */
export interface EnrolmentToken extends Omit<EnrolmentTokenOrder, 'expiresInSeconds' | 'macAddress'> {
  tokenId: string;
  usesLeft: number;
  macAddress: string | null;
  createdAt: Date;
  expiresAt: Date;
  revokedAt: Date | null;
}

const LISTED_MAX = 500;

const tokenColumns = `
  token_id AS "tokenId", kind, uses, uses_left AS "usesLeft", mac_address AS "macAddress", labels,
  needs_approval AS "needsApproval", created_by AS "createdBy", created_at AS "createdAt", expires_at AS "expiresAt",
  revoked_at AS "revokedAt"`;

/** Enrolment tokens. Each lets new devices into the registry. */
@Injectable()
export class EnrolmentTokens {
  private readonly nextUlid = monotonicFactory();

  constructor(
    private readonly tables: DeviceTables,
    private readonly signingKey: SigningKey,
  ) {}

  /** @returns the token itself too, which nobody can read later. For an edge it names central's key, which the edge pins. */
  async create(order: EnrolmentTokenOrder): Promise<EnrolmentToken & { token: string }> {
    const secret = `rve_${randomBytes(32).toString('base64url')}`;
    const token = order.kind === 'edge' ? `${secret}.${this.signingKey.thumbprint}` : secret;
    const [created] = await this.tables.rows<EnrolmentToken>(insertToken, [
      this.nextUlid(),
      digestOf(token),
      order.kind,
      order.uses,
      order.macAddress ?? null,
      JSON.stringify(order.labels),
      order.needsApproval,
      order.createdBy,
      order.expiresInSeconds,
    ]);
    return { ...created!, token };
  }

  /** Those that may still be used, and the latest of the others. */
  async list(): Promise<EnrolmentToken[]> {
    return this.tables.rows<EnrolmentToken>(
      `SELECT ${tokenColumns} FROM rivulet.enrolment_tokens ORDER BY token_id DESC LIMIT ${LISTED_MAX}`,
    );
  }

  /** @throws RivuletError ENROLMENT_TOKEN_UNKNOWN */
  async revoke(tokenId: string): Promise<EnrolmentToken> {
    const [revoked] = await this.tables.rows<EnrolmentToken>(
      `UPDATE rivulet.enrolment_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE token_id = $1
       RETURNING ${tokenColumns}`,
      [tokenId],
    );
    if (revoked !== undefined) return revoked;
    throw new RivuletError('ENROLMENT_TOKEN_UNKNOWN', `There is no enrolment token ${tokenId}.`);
  }
}

function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}

/**
 * Spends one use. The row lock makes those that redeem a token at once find, one after the other, what is left. The use is
 * given back when the transaction fails.
 *
 * @throws RivuletError ENROLMENT_TOKEN_INVALID
 */
export async function spendToken(
  transaction: TableTransaction,
  digest: Buffer,
  kind: DeviceKind,
): Promise<EnrolmentToken> {
  const [spent] = await transaction.rows<EnrolmentToken>(
    `UPDATE rivulet.enrolment_tokens SET uses_left = uses_left - 1
     WHERE token_digest = $1 AND kind = $2 AND uses_left > 0 AND expires_at > now() AND revoked_at IS NULL
     RETURNING ${tokenColumns}`,
    [digest, kind],
  );
  if (spent !== undefined) return spent;
  throw new RivuletError(
    'ENROLMENT_TOKEN_INVALID',
    'The enrolment token is unknown, used up, expired or revoked.',
  );
}

/** Old ones that nobody can use any more are removed on the way. */
const insertToken = `
WITH old AS (DELETE FROM rivulet.enrolment_tokens WHERE expires_at < now() - interval '30 days')
INSERT INTO rivulet.enrolment_tokens
  (token_id, token_digest, kind, uses, uses_left, mac_address, labels, needs_approval, created_by, expires_at)
VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, now() + $9 * interval '1 second')
RETURNING ${tokenColumns}`;
