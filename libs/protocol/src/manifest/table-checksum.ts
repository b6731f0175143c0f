import { createHash, type Hash } from 'node:crypto';

/** Checksum and size of a table's rows. */
export interface TableContent {
  rows: number;
  /** Bytes of the canonical rows. */
  bytes: number;
  /** Lower-case hex; see {@link tableChecksum}. */
  checksum: string;
}

/**
 * A table's checksum: SHA-256 over `rivulet table 1\n`, the 32 bytes of the schema fingerprint, and the 32-byte
 * digests of the table's chunks in order. It depends on the rows alone, not on their history, on who computed it, or on
 * how they were transmitted.
 */
export function tableChecksum(fingerprint: string, digests: Iterable<string>): string {
  const hash = startHash(fingerprint);
  for (const digest of digests) hash.update(digest, 'hex');
  return hash.digest('hex');
}

/** Computes {@link tableChecksum} and the size of a table chunk by chunk. */
export class TableHasher {
  private readonly hash: Hash;
  private rows = 0;
  private bytes = 0;

  constructor(fingerprint: string) {
    this.hash = startHash(fingerprint);
  }

  add(chunk: { digest: Buffer; rows: number; bytes: number }): void {
    this.hash.update(chunk.digest);
    this.rows += chunk.rows;
    this.bytes += chunk.bytes;
  }

  /** Returns the result. The hasher cannot be used afterwards. */
  finish(): TableContent {
    return { rows: this.rows, bytes: this.bytes, checksum: this.hash.digest('hex') };
  }
}

function startHash(fingerprint: string): Hash {
  return createHash('sha256').update('rivulet table 1\n', 'ascii').update(fingerprint, 'hex');
}
