import { RivuletError } from '@rivulet/errors';

/** Maximum size of the answer to a sync request: a plan has 67 bytes for each chunk. */
export const PLAN_MAX_BYTES = 64 * 1024 * 1024;

/** Limit of every other JSON answer. */
const ANSWER_MAX_BYTES = 8 * 1024 * 1024;

/** Brackets and commas take memory out of proportion: 48 MB of `"a":{},` become 700. A plan has one in 67 bytes. */
const MARKS_FREE = 100_000;
const BYTES_PER_MARK = 32;

export interface JsonLimits {
  maxBytes?: number | undefined;
  /** Gets the size of each piece as it arrives. */
  onPiece?: ((bytes: number) => void) | undefined;
}

/** @throws RivuletError CENTRAL_RESPONSE_INVALID · LIMIT_EXCEEDED */
export async function readJson(response: Response, limits: JsonLimits = {}): Promise<unknown> {
  await refuseOtherContent(response, 'application/json');
  const bytes = await readBytes(response, limits.maxBytes ?? ANSWER_MAX_BYTES, limits.onPiece);
  refuseManyMarks(bytes);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new RivuletError('CENTRAL_RESPONSE_INVALID', "Central's answer is not JSON.", { cause: error });
  }
}

export async function refuseOtherContent(response: Response, expected: string): Promise<void> {
  const type = response.headers.get('content-type') ?? 'nothing';
  if (type.toLowerCase().startsWith(expected)) return;
  // An unread body would keep the connection busy.
  await response.body?.cancel();
  throw new RivuletError('CENTRAL_RESPONSE_INVALID', `Central answered with ${type} instead of ${expected}.`);
}

/** Counted after decompression. @throws RivuletError LIMIT_EXCEEDED */
export async function readBytes(
  response: Response,
  maxBytes: number,
  onPiece: JsonLimits['onPiece'] = () => undefined,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    onPiece(piece.byteLength);
    length += piece.byteLength;
    if (length > maxBytes) {
      throw new RivuletError('LIMIT_EXCEEDED', `Central's answer is larger than ${maxBytes} bytes.`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces, length);
}

function refuseManyMarks(bytes: Buffer): void {
  const max = MARKS_FREE + bytes.length / BYTES_PER_MARK;
  let marks = 0;
  for (const byte of bytes) {
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) marks += 1;
  }
  if (marks <= max) return;
  throw new RivuletError(
    'LIMIT_EXCEEDED',
    `Central's answer has ${marks} values; ${Math.floor(max)} are accepted.`,
  );
}
