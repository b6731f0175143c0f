import { readSigningPair, signStatement, type SigningPair } from '@rivulet/signatures';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { DataSource } from 'typeorm';

/** A key that this process does not know is looked for in the database, no more often than this. */
const LOOK_AGAIN_MS = 200;

/**
 * The Ed25519 key with which central signs. It is made at the first start and kept in central's database, so that every
 * replica of central signs with the same one.
 */
export class SigningKey {
  private lookedAtMs = performance.now();

  private constructor(
    private readonly database: DataSource,
    /** This central's id, whatever key it has: the audience of device assertions. */
    readonly centralId: string,
    private pair: SigningPair,
  ) {}

  static async loadOrCreate(database: DataSource): Promise<SigningKey> {
    const stored = (await readActive(database)) ?? (await create(database));
    const [state] = await database.query<{ centralId: string }[]>(
      'SELECT central_id AS "centralId" FROM rivulet.central_state',
    );
    return new SigningKey(database, state!.centralId, await readSigningPair(stored));
  }

  /** RFC 7638 thumbprint: what an edge trusts. */
  get thumbprint(): string {
    return this.pair.thumbprint;
  }

  /** A compact JWS whose header has the public key; an edge accepts it by the key's thumbprint. */
  async sign(type: string, payload: string | object): Promise<string> {
    return signStatement(this.pair, type, payload);
  }

  /** Takes up the key that another process has put in the place of this one. @returns whether there is one */
  async refresh(): Promise<boolean> {
    this.lookedAtMs = performance.now();
    const stored = await readActive(this.database);
    if (stored === undefined || stored['x'] === this.pair.publicJwk['x']) return false;
    this.pair = await readSigningPair(stored);
    return true;
  }

  /** Whether central signs with this key now. */
  async isCurrent(thumbprint: string): Promise<boolean> {
    if (thumbprint === this.thumbprint) return true;
    if (performance.now() - this.lookedAtMs < LOOK_AGAIN_MS) return false;
    return (await this.refresh()) && thumbprint === this.thumbprint;
  }
}

async function readActive(database: DataSource): Promise<JWK | undefined> {
  const rows = await database.query<{ privateJwk: JWK }[]>(
    'SELECT private_jwk AS "privateJwk" FROM rivulet.signing_keys WHERE retired_at IS NULL',
  );
  return rows[0]?.privateJwk;
}

export async function newSigningJwk(): Promise<{ thumbprint: string; jwk: JWK }> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  return { thumbprint: await calculateJwkThumbprint(jwk), jwk };
}

/** When two centrals start at once on a new database, the index of active keys admits the key of one. */
async function create(database: DataSource): Promise<JWK> {
  const { thumbprint, jwk } = await newSigningJwk();
  await database.query(
    `INSERT INTO rivulet.signing_keys (thumbprint, private_jwk, number)
     SELECT $1, $2, coalesce(max(number), 0) + 1 FROM rivulet.signing_keys ON CONFLICT DO NOTHING`,
    [thumbprint, jwk],
  );
  return (await readActive(database))!;
}
