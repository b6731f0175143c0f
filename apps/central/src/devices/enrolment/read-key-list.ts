import { RivuletError, type FieldError } from '@rivulet/errors';
import { requestInvalid } from '@rivulet/platform';
import { normaliseMacAddress } from '@rivulet/protocol';
import { readPublicKey, type PublicKey } from '@rivulet/signatures';
import { deviceNamePattern } from '../device';

/** A device whose key is known before it calls. */
export interface ListedKey {
  /** In the list, from 1. */
  line: number;
  macAddress: string;
  key: PublicKey;
  name: string;
}

const LINES_MAX = 5_000;
const ERRORS_MAX = 20;

/**
 * Reads `MAC address,public key[,name]`, a device a line; a first line with names of columns is passed over.
 *
 * @throws RivuletError REQUEST_INVALID, naming the lines
 */
export async function readKeyList(csv: string): Promise<ListedKey[]> {
  const lines = csv.split(/\r?\n/).map((text, index) => ({ text: text.trim(), line: index + 1 }));
  const rows = lines.filter(({ text, line }) => text !== '' && !(line === 1 && /^mac/i.test(text)));
  if (rows.length > LINES_MAX)
    throw requestInvalid([{ field: 'csv', reason: `has more than ${LINES_MAX} lines` }]);
  const errors: FieldError[] = [];
  const listed: ListedKey[] = [];
  const seen = new Set<string>();
  for (const { text, line } of rows) {
    const read = await readLine(text, line, seen);
    if (typeof read !== 'string') listed.push(read);
    else if (errors.length < ERRORS_MAX) errors.push({ field: `csv line ${line}`, reason: read });
  }
  if (errors.length > 0) throw requestInvalid(errors);
  return listed;
}

/** The fault of the line, where it describes no device. */
async function readLine(text: string, line: number, seen: Set<string>): Promise<ListedKey | string> {
  const [mac = '', x = '', name, ...more] = text.split(',').map((field) => field.trim());
  if (more.length > 0) return 'has more than three fields';
  const macAddress = readMac(mac);
  if (macAddress === undefined) return 'has no MAC address in its first field';
  const key = await readPublicKey(x);
  if (key === undefined) return 'has no Ed25519 public key in its second field: 43 characters of base64url';
  if (name !== undefined && name !== '' && !deviceNamePattern.test(name)) return 'has a name that is none';
  if (seen.has(macAddress) || seen.has(key.thumbprint))
    return 'repeats the MAC address or key of another line';
  seen.add(macAddress).add(key.thumbprint);
  return { line, macAddress, key, name: name === undefined || name === '' ? `edge ${macAddress}` : name };
}

function readMac(text: string): string | undefined {
  try {
    return normaliseMacAddress(text);
  } catch (error) {
    if (error instanceof RivuletError) return undefined;
    throw error;
  }
}
