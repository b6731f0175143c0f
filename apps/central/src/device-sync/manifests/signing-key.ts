import { MANIFEST_JWS_TYPE } from '@rivulet/protocol';
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import type { DataSource } from 'typeorm';

const ALGORITHM = 'EdDSA';

/**
 * The Ed25519 key with which central signs manifests. It is made at the first start and kept in central's
 * database, so that every replica of central signs with the same one.
 */
export class SigningKey {
  private constructor(
    /** RFC 7638 thumbprint: what an edge trusts. */
    readonly thumbprint: string,
    private readonly publicJwk: JWK,
    private readonly privateKey: Awaited<ReturnType<typeof importJWK>>,
  ) {}

  static async loadOrCreate(database: DataSource): Promise<SigningKey> {
    const stored = (await readActive(database)) ?? (await create(database));
    const publicJwk = toPublic(stored);
    const thumbprint = await calculateJwkThumbprint(publicJwk);
    return new SigningKey(thumbprint, publicJwk, await importJWK(stored, ALGORITHM));
  }

  /** A compact JWS whose header has the public key; an edge accepts it by the key's thumbprint. */
  async sign(json: string): Promise<string> {
    return new CompactSign(Buffer.from(json, 'utf8'))
      .setProtectedHeader({ alg: ALGORITHM, typ: MANIFEST_JWS_TYPE, jwk: this.publicJwk })
      .sign(this.privateKey);
  }
}

function toPublic({ kty, crv, x }: JWK): JWK {
  return { kty: kty!, crv: crv!, x: x! };
}

async function readActive(database: DataSource): Promise<JWK | undefined> {
  const rows = await database.query<{ privateJwk: JWK }[]>(
    'SELECT private_jwk AS "privateJwk" FROM rivulet.signing_keys WHERE retired_at IS NULL',
  );
  return rows[0]?.privateJwk;
}

/** Of two centrals that start at once on a new database, the index of active keys lets one enter its key. */
async function create(database: DataSource): Promise<JWK> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  await database.query(
    'INSERT INTO rivulet.signing_keys (thumbprint, private_jwk) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [await calculateJwkThumbprint(jwk), jwk],
  );
  return (await readActive(database))!;
}
