import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { openStatement, StatementError } from '@rivulet/signatures';
import { unknownKey } from './central-trust';

/** The conditions under which an answer of central is believed. */
export interface ExpectedAnswer {
  /** The `typ` of the statement. */
  type: string;
  /** Thumbprint (RFC 7638) of the trusted key; undefined to trust the key that answers. */
  trustedKey: string | undefined;
  /** Makes sure that a key has followed the trusted one, or throws. Without it no other key is trusted. */
  follow?: ((trustedKey: string, signedBy: string) => Promise<void>) | undefined;
  /** The code for an invalid signature. */
  invalid?: 'ANSWER_SIGNATURE_INVALID' | 'MANIFEST_SIGNATURE_INVALID';
}

/**
 * Opens what central has signed. Whom and what it answers is for the caller to check.
 *
 * @throws RivuletError ANSWER_SIGNATURE_INVALID (or `invalid`) · SIGNATURE_ALGORITHM_REFUSED · CENTRAL_KEY_UNKNOWN, and what
 *   `follow` throws
 */
export async function openAnswer(
  document: string,
  { type, trustedKey, follow, invalid = 'ANSWER_SIGNATURE_INVALID' }: ExpectedAnswer,
): Promise<{ json: string; signedBy: string }> {
  const { json, signedBy } = await openStatement(document, type).catch((error: unknown) => {
    throw explain(error, invalid);
  });
  const { thumbprint } = signedBy;
  if (trustedKey !== undefined && thumbprint !== trustedKey) {
    if (follow === undefined) throw unknownKey(thumbprint, trustedKey);
    await follow(trustedKey, thumbprint);
  }
  return { json, signedBy: thumbprint };
}

/** @throws RivuletError ANSWER_REPLAYED · ANSWER_FOREIGN */
export function refuseOthersAnswer(
  said: { nonce: string; macAddress: string },
  expected: { nonce: string; macAddress: string },
): void {
  if (said.macAddress !== expected.macAddress) {
    throw new RivuletError(
      'ANSWER_FOREIGN',
      `Central's answer is for ${said.macAddress}, not for ${expected.macAddress}.`,
    );
  }
  if (said.nonce !== expected.nonce) {
    throw new RivuletError(
      'ANSWER_REPLAYED',
      "Central's answer belongs to another request: its nonce is not ours.",
    );
  }
}

function explain(error: unknown, invalid: ErrorCode): unknown {
  if (!(error instanceof StatementError)) return error;
  const code = error.reason === 'algorithm' ? 'SIGNATURE_ALGORITHM_REFUSED' : invalid;
  return new RivuletError(code, `Central's answer cannot be believed. ${error.message}`, { cause: error });
}
