import type { ClientBase } from 'pg';
import { copyOut } from './copy-out';

const SIGNATURE_BYTES = 11;
const HEADER_BYTES = SIGNATURE_BYTES + 8;
const TRAILER_FIELDS = -1;
const NULL_LENGTH = -1;
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');

/** What COPY … FROM STDIN (FORMAT binary) reads: a piece for each row, of values in PostgreSQL's binary format. */
export function* binaryRows(rows: Iterable<readonly Buffer[]>): Generator<Buffer, void> {
  // No flags, no extension.
  yield Buffer.concat([SIGNATURE, Buffer.alloc(HEADER_BYTES - SIGNATURE_BYTES)]);
  for (const row of rows) {
    const fields = Buffer.alloc(2);
    fields.writeInt16BE(row.length);
    yield Buffer.concat([fields, ...row.flatMap((value) => [int4(value.length), value])]);
  }
  const trailer = Buffer.alloc(2);
  trailer.writeInt16BE(TRAILER_FIELDS);
  yield trailer;
}

/** An integer in PostgreSQL's binary format. */
export function int4(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/**
 * The rows of a query, each a list of values in PostgreSQL's binary format, read with COPY … (FORMAT binary). It is the
 * only way to get large `bytea` values as bytes from pg: an ordinary query returns twice as many hexadecimal digits, and
 * its binary mode decodes values as UTF-8.
 *
 * @param release - gets what has arrived, once nothing refers to it. All values share one memory of their own
 *
 * https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
 */
export async function selectBinary(
  client: ClientBase,
  query: string,
  release: (piece: Buffer) => void = () => undefined,
): Promise<(Buffer | null)[][]> {
  const pieces: Buffer[] = [];
  for await (const piece of copyOut(client, `COPY (${query}) TO STDOUT (FORMAT binary)`)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  for (const piece of pieces) release(piece);
  // The last number of the header is the length of its extension.
  let offset = HEADER_BYTES + bytes.readUInt32BE(SIGNATURE_BYTES + 4);
  const rows: (Buffer | null)[][] = [];
  for (;;) {
    const fields = bytes.readInt16BE(offset);
    offset += 2;
    if (fields === TRAILER_FIELDS) return rows;
    const row: (Buffer | null)[] = [];
    for (let field = 0; field < fields; field++) {
      const length = bytes.readInt32BE(offset);
      offset += 4;
      if (length === NULL_LENGTH) {
        row.push(null);
      } else {
        row.push(bytes.subarray(offset, offset + length));
        offset += length;
      }
    }
    rows.push(row);
  }
}
