import { MANIFEST_JWS_TYPE } from '@rivulet/protocol';
import { calculateJwkThumbprint, compactVerify, importJWK, type JWK } from 'jose';
import { CentralFixture } from '../../test/central-fixture';
import { SigningKey } from './signing-key';

let fixture: CentralFixture;

beforeEach(async () => {
  fixture = await CentralFixture.create();
});

afterEach(() => fixture.close());

async function storedThumbprints(): Promise<string[]> {
  const { rows } = await fixture.database.pool.query<{ thumbprint: string }>(
    'SELECT thumbprint FROM rivulet.signing_keys ORDER BY created_at',
  );
  return rows.map(({ thumbprint }) => thumbprint);
}

function headerOf(document: string): { alg: string; typ: string; jwk: JWK } {
  const [header] = document.split('.');
  return JSON.parse(Buffer.from(header!, 'base64url').toString()) as { alg: string; typ: string; jwk: JWK };
}

it('is made at the first start and kept for all later ones', async () => {
  const first = await SigningKey.loadOrCreate(fixture.central);
  const later = await SigningKey.loadOrCreate(fixture.central);

  expect(later.thumbprint).toBe(first.thumbprint);
  expect(await storedThumbprints()).toEqual([first.thumbprint]);
});

it('is one for all centrals that start at once on a new database', async () => {
  const keys = await Promise.all(Array.from({ length: 5 }, () => SigningKey.loadOrCreate(fixture.central)));

  expect(new Set(keys.map(({ thumbprint }) => thumbprint)).size).toBe(1);
  expect(await storedThumbprints()).toEqual([keys[0]!.thumbprint]);
});

it('is a new one when the old one was retired', async () => {
  const old = await SigningKey.loadOrCreate(fixture.central);
  await fixture.database.pool.query('UPDATE rivulet.signing_keys SET retired_at = now()');
  const next = await SigningKey.loadOrCreate(fixture.central);

  expect(next.thumbprint).not.toBe(old.thumbprint);
  expect(await storedThumbprints()).toEqual([old.thumbprint, next.thumbprint]);
});

it('signs a text so that whoever trusts its thumbprint can verify it, and says it is a manifest', async () => {
  const key = await SigningKey.loadOrCreate(fixture.central);
  const text = '{"table":"Örte","sequence":9007199254740993}';
  const document = await key.sign(MANIFEST_JWS_TYPE, text);

  const { alg, typ, jwk } = headerOf(document);
  expect({ alg, typ }).toEqual({ alg: 'EdDSA', typ: MANIFEST_JWS_TYPE });
  expect(await calculateJwkThumbprint(jwk)).toBe(key.thumbprint);
  const { payload } = await compactVerify(document, await importJWK(jwk, alg));
  expect(Buffer.from(payload).toString()).toBe(text);
});

it('never sends its private half, whatever is stored beside it', async () => {
  await SigningKey.loadOrCreate(fixture.central);
  await fixture.database.pool.query(
    `UPDATE rivulet.signing_keys SET private_jwk = private_jwk || '{"kid": "a secret remark"}'`,
  );
  const key = await SigningKey.loadOrCreate(fixture.central);

  const { jwk } = headerOf(await key.sign(MANIFEST_JWS_TYPE, '{}'));
  expect(Object.keys(jwk).toSorted()).toEqual(['crv', 'kty', 'x']);
});

it('makes signatures that another key does not verify', async () => {
  const own = await SigningKey.loadOrCreate(fixture.central);
  await fixture.database.pool.query('UPDATE rivulet.signing_keys SET retired_at = now()');
  const other = await SigningKey.loadOrCreate(fixture.central);
  const { jwk } = headerOf(await other.sign(MANIFEST_JWS_TYPE, '{}'));

  const verified = compactVerify(await own.sign(MANIFEST_JWS_TYPE, '{}'), await importJWK(jwk, 'EdDSA'));
  await expect(verified).rejects.toMatchObject({ code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
});
