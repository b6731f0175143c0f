import { createHash, createPublicKey, verify } from 'node:crypto';
import { parseManifest, parseSyncPlan, type Manifest, type PlanTerms, type SyncPlan } from '../src';
import { readVectors } from './read-vectors';

describe('the manifest of the golden vectors', () => {
  interface Signed {
    payload: string;
    manifest: Manifest;
    signed: { thumbprint: string; jws: string };
    plans: { cases: { case: string; asked: PlanTerms; plan: SyncPlan }[] };
  }
  const vector = readVectors('manifest.json') as Signed;

  it('reads as that of the vector', () => {
    expect(parseManifest(vector.payload)).toEqual(vector.manifest);
  });

  it('is what the JWS of the vector carries, under the key with its thumbprint', () => {
    const [header, payload, signature] = vector.signed.jws.split('.') as [string, string, string];
    const { alg, typ, jwk } = JSON.parse(Buffer.from(header, 'base64url').toString()) as {
      alg: string;
      typ: string;
      jwk: { kty: string; crv: string; x: string };
    };
    // RFC 7638, 3: the required members in lexicographic order.
    const thumbprint = createHash('sha256')
      .update(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x }))
      .digest('base64url');
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const signed = Buffer.from(`${header}.${payload}`);
    expect({ alg, typ, thumbprint }).toEqual({
      alg: 'EdDSA',
      typ: 'rivulet-manifest',
      thumbprint: vector.signed.thumbprint,
    });
    expect(verify(null, signed, key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(Buffer.from(payload, 'base64url').toString()).toBe(vector.payload);
  });

  it.each(vector.plans.cases)('goes with the plan of the vector: $case', ({ asked, plan }) => {
    expect(parseSyncPlan(plan, vector.manifest, asked)).toEqual(plan);
  });
});
