import { readSigningPair, signStatement, type SigningPair } from '@rivulet/signatures';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { DataSource } from 'typeorm';

/**
 * The Ed25519 key with which central signs. It is made at the first start and kept in central's database, so that every
 * replica of central signs with the same one.
 */
export class SigningKey {
  private constructor(
    /** Of this central, whatever key it has: the audience of what devices sign for it. */
    readonly centralId: string,
    private readonly pair: SigningPair,
  ) {}

  static async loadOrCreate(database: DataSource): Promise<SigningKey> {
    const stored = (await readActive(database)) ?? (await create(database));
    const [state] = await database.query<{ centralId: string }[]>(
      'SELECT central_id AS "centralId" FROM rivulet.central_state',
    );
    return new SigningKey(state!.centralId, await readSigningPair(stored));
  }

  /** RFC 7638 thumbprint: what an edge trusts. */
  get thumbprint(): string {
    return this.pair.thumbprint;
  }

  /** A compact JWS whose header has the public key; an edge accepts it by the key's thumbprint. */
  async sign(type: string, payload: string | object): Promise<string> {
    return signStatement(this.pair, type, payload);
  }
}

async function readActive(database: DataSource): Promise<JWK | undefined> {
  const rows = await database.query<{ privateJwk: JWK }[]>(
    'SELECT private_jwk AS "privateJwk" FROM rivulet.signing_keys WHERE retired_at IS NULL',
  );
  return rows[0]?.privateJwk;
}

/** Of two centrals that start at once on a new database, the index of active keys lets one enter its key. */
async function create(database: DataSource): Promise<JWK> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  await database.query(
    'INSERT INTO rivulet.signing_keys (thumbprint, private_jwk) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [await calculateJwkThumbprint(jwk), jwk],
  );
  return (await readActive(database))!;
}
