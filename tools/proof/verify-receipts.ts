import { formatCount, formatTable } from '@rivulet/cli';
import { verifyReceipt, type ReceivedRows } from '@rivulet/signatures';
import { Failure } from '../failure';

/** A compact JWS with an Ed25519 signature. A line of any other form was cut off as the device lost its power. */
const WHOLE = /^[\w-]+\.[\w-]+\.[\w-]{86}$/;

/**
 * Verifies receipts of collected rows without asking anybody.
 *
 * @param text - one receipt a line, as in `receipts.jws` of an edge; lines that were cut off are passed over
 * @param key - thumbprint of the key of central that must have signed them
 * @throws Failure
 */
export async function verifyReceipts(text: string, key: string | undefined): Promise<string> {
  const received = new Map<string, ReceivedRows>();
  const lines = text.split(/\s+/).filter((line) => WHOLE.test(line));
  for (const [index, line] of lines.entries()) {
    const rows = await verifyReceipt(line).catch((error: unknown) => {
      throw new Failure(`Receipt ${index + 1} of ${lines.length} does not hold. ${(error as Error).message}`);
    });
    if (key !== undefined && rows.centralKey !== key)
      throw new Failure(
        `Receipt ${index + 1} is signed by the key ${rows.centralKey} of a central, not by ${key}.`,
      );
    received.set(`${rows.runId} ${rows.deviceId}`, rows);
  }
  if (received.size === 0) throw new Failure('There is no receipt.');
  return describe([...received.values()], key);
}

function describe(received: ReceivedRows[], key: string | undefined): string {
  const keys = [...new Set(received.map(({ centralKey }) => centralKey))];
  const rows = received.map(({ runId, deviceId, name, rows: count, checksum, committedAt }) => [
    name,
    formatCount(count),
    committedAt,
    runId,
    deviceId,
    checksum,
  ]);
  const heading = ['schema', 'rows', 'committed at', 'run', 'device', 'checksum'];
  return [
    `${received.length === 1 ? 'The receipt holds' : `All ${received.length} receipts hold`}: central has read these rows back and committed them.`,
    `  central   by its key ${keys.join(', ')}: ${key === undefined ? 'compare it with what you know of central' : 'as expected'}`,
    '',
    ...formatTable([heading, ...rows], { alignments: '<><' }).map((line) => `  ${line}`),
    '',
  ].join('\n');
}
