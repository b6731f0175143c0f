import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';

/** The only algorithm: Ed25519. */
export const SIGNATURE_ALGORITHM = 'EdDSA';

/** An Ed25519 key that signs. */
export interface SigningPair {
  /** RFC 7638. */
  thumbprint: string;
  publicJwk: JWK;
  privateKey: KeyObject;
}

/** @returns the new key as PKCS#8 in PEM */
export function generatePrivateKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/**
 * @param key - PKCS#8 in PEM, or a JWK
 * @throws TypeError when it is no Ed25519 private key
 */
export async function readSigningPair(key: string | JWK): Promise<SigningPair> {
  const privateKey =
    typeof key === 'string' ? createPrivateKey(key) : createPrivateKey({ key: { ...key }, format: 'jwk' });
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new TypeError('It is no Ed25519 key.');
  const publicJwk = publicPart(createPublicKey(privateKey).export({ format: 'jwk' }));
  return { thumbprint: await calculateJwkThumbprint(publicJwk), publicJwk, privateKey };
}

export function publicPart({ kty, crv, x }: JWK): JWK {
  return { kty: kty!, crv: crv!, x: x! };
}

export interface PublicKey {
  /** RFC 7638. */
  thumbprint: string;
  publicJwk: JWK;
}

/** @param x - 32 bytes as base64url, as its JWK has them. Undefined when it is no key. */
export async function readPublicKey(x: string): Promise<PublicKey | undefined> {
  const publicJwk = { kty: 'OKP', crv: 'Ed25519', x };
  if (!/^[A-Za-z0-9_-]{43}$/.test(x) || Buffer.from(x, 'base64url').toString('base64url') !== x)
    return undefined;
  return { thumbprint: await calculateJwkThumbprint(publicJwk), publicJwk };
}
