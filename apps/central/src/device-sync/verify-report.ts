import { isDeepStrictEqual } from 'node:util';
import { RivuletError } from '@rivulet/errors';
import { statementTypes, type Acknowledgement } from '@rivulet/protocol';
import { openStatement, StatementError } from '@rivulet/signatures';
import type { Device } from '../devices/device';

/**
 * A device with a key signs its reports: the statement repeats the report, and says whose it is. One that has shown its
 * certificate may have that key elsewhere.
 *
 * @returns the thumbprint of the key that signed it
 * @throws RivuletError REPORT_UNSIGNED · REPORT_SIGNATURE_INVALID · SIGNATURE_ALGORITHM_REFUSED
 */
export async function verifyReport(
  { deviceId, keys = [], byCertificate = false }: Device,
  report: Acknowledgement,
  statement: string | undefined,
): Promise<string | undefined> {
  if (statement === undefined) {
    if (keys.length === 0 || byCertificate) return undefined;
    throw new RivuletError('REPORT_UNSIGNED', `The report on ${report.manifestId} is not signed.`);
  }
  const { json, signedBy } = await openStatement(statement, statementTypes.report).catch((error: unknown) => {
    throw explain(error);
  });
  if (!keys.includes(signedBy.thumbprint)) throw invalid('Its key is not that of the device.');
  const expected: unknown = JSON.parse(JSON.stringify({ deviceId, ...report }));
  if (!isDeepStrictEqual(parse(json), expected)) throw invalid('It says something else than the report.');
  return signedBy.thumbprint;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw invalid('It is not JSON.');
  }
}

function explain(error: unknown): unknown {
  if (!(error instanceof StatementError)) return error;
  if (error.reason === 'algorithm') return new RivuletError('SIGNATURE_ALGORITHM_REFUSED', error.message);
  return invalid(error.message);
}

function invalid(reason: string): RivuletError {
  return new RivuletError('REPORT_SIGNATURE_INVALID', `The signature of the report is not valid. ${reason}`);
}
