import { RivuletError } from '@rivulet/errors';
import {
  readConfigurationStatement,
  ShapeError,
  statementTypes,
  type ConfigurationStatement,
} from '@rivulet/protocol';
import { openAnswer, type ExpectedAnswer } from '../../hub/open-answer';

export interface ExpectedConfiguration {
  name: string;
  /** Undefined where this device does not know yet how central calls it. */
  deviceId: string | undefined;
  /** Thumbprint; undefined to trust the key that has signed it. */
  trustedKey: string | undefined;
  /** For statements that central sends: their key may have followed the trusted one. */
  follow?: ExpectedAnswer['follow'];
  /** For statements in the cache: they may be signed by a key that was trusted then. */
  followKept?: ExpectedAnswer['follow'];
}

/**
 * Verifies that central has signed a configuration, for this device, and that its digest is right.
 *
 * @throws RivuletError what openAnswer throws · ANSWER_FOREIGN · CENTRAL_RESPONSE_INVALID
 */
export async function verifyConfiguration(
  document: string,
  { name, deviceId, trustedKey, follow }: ExpectedConfiguration,
): Promise<{ statement: ConfigurationStatement; signedBy: string }> {
  const type = statementTypes.configuration;
  const { json, signedBy } = await openAnswer(document, { type, trustedKey, follow });
  const statement = read(json);
  if (statement.name !== name)
    throw new RivuletError('ANSWER_FOREIGN', `The configuration is ${statement.name}, not ${name}.`);
  if (deviceId !== undefined && statement.deviceId !== deviceId)
    throw new RivuletError(
      'ANSWER_FOREIGN',
      `The configuration is for ${statement.deviceId}, not for ${deviceId}.`,
    );
  return { statement, signedBy };
}

function read(json: string): ConfigurationStatement {
  try {
    return readConfigurationStatement(json);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new RivuletError('CENTRAL_RESPONSE_INVALID', `The configuration is not valid: ${error.message}.`);
  }
}
