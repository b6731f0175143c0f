import { RivuletError } from '@rivulet/errors';
import {
  MANIFEST_JWS_TYPE,
  parseManifest,
  readCurrentStatement,
  ShapeError,
  statementTypes,
  type CurrentStatement,
  type Manifest,
} from '@rivulet/protocol';
import { openAnswer, refuseOthersAnswer, type ExpectedAnswer } from './open-answer';

/** The expectations that central's answer to a request must meet. */
export interface ManifestExpectation {
  macAddress: string;
  nonce: string;
  /** Thumbprint (RFC 7638) of the trusted key; undefined to trust the key of the first manifest. */
  trustedKey: string | undefined;
  follow?: ExpectedAnswer['follow'];
}

export interface VerifiedManifest {
  manifest: Manifest;
  /** Thumbprint of the key that signed it. */
  signedBy: string;
}

/**
 * Verifies the signature of a manifest, and that it is for this device and answers this request.
 *
 * @throws RivuletError what openAnswer and refuseOthersAnswer throw · MANIFEST_INVALID · SCHEMA_UNSUPPORTED
 */
export async function verifyManifest(
  document: string,
  expected: ManifestExpectation,
): Promise<VerifiedManifest> {
  const { trustedKey, follow } = expected;
  const { json, signedBy } = await openAnswer(document, {
    type: MANIFEST_JWS_TYPE,
    trustedKey,
    follow,
    invalid: 'MANIFEST_SIGNATURE_INVALID',
  });
  const manifest = parseManifest(json);
  refuseOthersAnswer(manifest, expected);
  return { manifest, signedBy };
}

/**
 * Verifies that central itself says, to this device and in answer to this request, that a manifest is current.
 *
 * @param statement - undefined where the answer has none
 * @throws RivuletError ANSWER_UNSIGNED · ANSWER_MISMATCHED · what openAnswer and refuseOthersAnswer throw
 */
export async function verifyCurrent(
  manifestId: string,
  statement: string | undefined,
  expected: ManifestExpectation,
): Promise<CurrentStatement> {
  if (statement === undefined) {
    throw new RivuletError(
      'ANSWER_UNSIGNED',
      `Central's answer that ${manifestId} is current is not signed.`,
    );
  }
  const { trustedKey, follow } = expected;
  const { json } = await openAnswer(statement, { type: statementTypes.current, trustedKey, follow });
  const said = readCurrent(json);
  refuseOthersAnswer(said, expected);
  if (said.manifestId === manifestId) return said;
  throw new RivuletError(
    'ANSWER_MISMATCHED',
    `Central's answer names the manifest ${manifestId}, and its signed part ${said.manifestId}.`,
  );
}

function readCurrent(json: string): CurrentStatement {
  try {
    return readCurrentStatement(json);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new RivuletError('CENTRAL_RESPONSE_INVALID', `Central's statement is not valid: ${error.message}.`);
  }
}
