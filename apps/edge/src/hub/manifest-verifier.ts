import { RivuletError } from '@rivulet/errors';
import { MANIFEST_JWS_TYPE, parseManifest, type Manifest } from '@rivulet/protocol';
import { calculateJwkThumbprint, compactVerify, EmbeddedJWK, type JWK } from 'jose';

/** What a signed manifest must match to be accepted. */
export interface ManifestExpectation {
  macAddress: string;
  nonce: string;
  /** Thumbprint (RFC 7638) of the trusted key; undefined to trust the key of the first manifest. */
  trustedKey: string | undefined;
}

export interface VerifiedManifest {
  manifest: Manifest;
  /** Thumbprint of the key that signed it. */
  signedBy: string;
}

/**
 * Verifies the signature of a manifest, and that it is for this device and answers this request.
 *
 * @throws RivuletError MANIFEST_SIGNATURE_INVALID · MANIFEST_INVALID · SCHEMA_UNSUPPORTED
 */
export async function verifyManifest(
  document: string,
  expected: ManifestExpectation,
): Promise<VerifiedManifest> {
  const { json, signedBy } = await openSignature(document);
  if (expected.trustedKey !== undefined && signedBy !== expected.trustedKey) {
    throw new RivuletError(
      'MANIFEST_SIGNATURE_INVALID',
      `The manifest is signed by the key ${signedBy}; this edge trusts ${expected.trustedKey}.`,
    );
  }
  const manifest = parseManifest(json);
  if (manifest.macAddress !== expected.macAddress) {
    throw new RivuletError(
      'MANIFEST_INVALID',
      `The manifest is for ${manifest.macAddress}, not for ${expected.macAddress}.`,
    );
  }
  if (manifest.nonce !== expected.nonce) {
    throw new RivuletError(
      'MANIFEST_INVALID',
      'The manifest answers another request: its nonce is not ours.',
    );
  }
  return { manifest, signedBy };
}

async function openSignature(document: string): Promise<{ json: string; signedBy: string }> {
  try {
    const { payload, protectedHeader } = await compactVerify(document, EmbeddedJWK, {
      algorithms: ['EdDSA'],
    });
    if (protectedHeader.typ !== MANIFEST_JWS_TYPE) throw new TypeError(`typ is ${protectedHeader.typ}`);
    const signedBy = await calculateJwkThumbprint(protectedHeader.jwk as JWK);
    return { json: Buffer.from(payload).toString('utf8'), signedBy };
  } catch (error) {
    // jose has errors of its own, but the key in the header is whatever the sender wrote: importing it may throw any.
    throw new RivuletError('MANIFEST_SIGNATURE_INVALID', "The manifest's signature does not verify.", {
      cause: error,
    });
  }
}
