import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { namedError, OwnTables } from '@rivulet/platform';
import { statementTypes, type CentralKeyAccepted, type CentralKeyStatement } from '@rivulet/protocol';
import { readSigningPair, signStatement } from '@rivulet/signatures';
import type { JWK } from 'jose';
import { DataSource } from 'typeorm';
import { newSigningJwk, SigningKey } from './signing-key';

/** Until each process signs with a new key. Devices take what the old one signs meanwhile for a passing trouble. */
const POLL_MS = 2_000;
/** Statements of one answer. A device that needs more asks again. */
const LINKS_MAX = 100;

export interface KnownSigningKey {
  /** RFC 7638. */
  thumbprint: string;
  number: number;
  createdAt: Date;
  /** Null of the key that central signs with. */
  retiredAt: Date | null;
}

export interface RotatedSigningKey {
  before: string;
  thumbprint: string;
  /** The epoch of all manifests from now on. */
  epoch: number;
}

type ActiveKey = KnownSigningKey & { privateJwk: JWK };

/** The keys that central has had, each named by the one before it. */
@Injectable()
export class SigningKeys {
  private readonly logger = new Logger('Signing');

  private readonly tables: OwnTables;

  constructor(
    private readonly database: DataSource,
    private readonly signingKey: SigningKey,
  ) {
    this.tables = new OwnTables(database);
  }

  /** The latest first. */
  async list(): Promise<KnownSigningKey[]> {
    return this.database.query<KnownSigningKey[]>(
      `SELECT thumbprint, number, created_at AS "createdAt", retired_at AS "retiredAt"
       FROM rivulet.signing_keys ORDER BY number DESC LIMIT 100`,
    );
  }

  /** The statements that lead from a key to the present one, or to the first gap: the first of them. */
  async chainFrom(thumbprint: string): Promise<string[]> {
    const rows = await this.database.query<{ statement: string | null }[]>(
      `SELECT statement FROM rivulet.signing_keys
       WHERE number > (SELECT number FROM rivulet.signing_keys WHERE thumbprint = $1) ORDER BY number LIMIT ${LINKS_MAX}`,
      [thumbprint],
    );
    const gap = rows.findIndex(({ statement }) => statement === null);
    return rows.slice(0, gap === -1 ? undefined : gap).map(({ statement }) => statement!);
  }

  /** The statements that lead to the present key without a gap. */
  async chain(): Promise<string[]> {
    const rows = await this.database.query<{ statement: string }[]>(
      `SELECT statement FROM rivulet.signing_keys
       WHERE number > (SELECT max(number) FROM rivulet.signing_keys WHERE statement IS NULL)
       ORDER BY number DESC LIMIT ${LINKS_MAX}`,
    );
    return rows.map(({ statement }) => statement).toReversed();
  }

  /** A new key, named by the present one, of which the public part is kept. The epoch rises with it. */
  async rotate(): Promise<RotatedSigningKey> {
    const rotated = await this.replace();
    await this.begin(rotated);
    return rotated;
  }

  /** The same within the transaction that is open, if there is one: after it begin() has this process use the key. */
  async replace(): Promise<RotatedSigningKey> {
    return this.tables.transaction(async ({ manager }) => {
      const [active] = await manager.query<ActiveKey[]>(
        `SELECT thumbprint, number, private_jwk AS "privateJwk" FROM rivulet.signing_keys
         WHERE retired_at IS NULL FOR UPDATE`,
      );
      const { thumbprint: before, number, privateJwk } = active!;
      const next = await newSigningJwk();
      const statement = await this.link({ thumbprint: before, jwk: privateJwk }, next, number + 1);
      await manager.query(retire, [before]);
      await manager.query(
        'INSERT INTO rivulet.signing_keys (thumbprint, private_jwk, number, statement) VALUES ($1, $2, $3, $4)',
        [next.thumbprint, next.jwk, number + 1, statement],
      );
      const [rows] = await manager.query<[{ epoch: number }[], number]>(
        'UPDATE rivulet.central_state SET epoch = epoch + 1 RETURNING epoch',
      );
      return { before, thumbprint: next.thumbprint, epoch: rows[0]!.epoch };
    });
  }

  async begin(rotated: RotatedSigningKey): Promise<void> {
    await this.signingKey.refresh();
    this.logger.warn(
      rotated,
      `Central signs with a new key, ${rotated.thumbprint}; edges follow by themselves`,
    );
  }

  @Interval('signing key', POLL_MS)
  async pollInBackground(): Promise<void> {
    try {
      if (await this.signingKey.refresh()) {
        this.logger.log(`Central signs with a new key, ${this.signingKey.thumbprint}`);
      }
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `The signing key cannot be looked up: ${message}`);
    }
  }

  private async link(
    from: { thumbprint: string; jwk: JWK },
    to: { thumbprint: string; jwk: JWK },
    number: number,
  ): Promise<string> {
    const said: CentralKeyAccepted = {
      centralId: this.signingKey.centralId,
      number,
      replaces: from.thumbprint,
    };
    const [old, next] = [await readSigningPair(from.jwk), await readSigningPair(to.jwk)];
    const accepted = await signStatement(next, statementTypes.centralKeyAccepted, said);
    const content: CentralKeyStatement = {
      ...said,
      thumbprint: to.thumbprint,
      accepted,
      issuedAt: new Date().toISOString(),
    };
    return signStatement(old, statementTypes.centralKey, content);
  }
}

/** Its signatures stay provable. Nobody can sign with it any more, also not with a later copy of the database. */
const retire = `
UPDATE rivulet.signing_keys SET retired_at = now(), private_jwk = private_jwk - 'd' WHERE thumbprint = $1`;
