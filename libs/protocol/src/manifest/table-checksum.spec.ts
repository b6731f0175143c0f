import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { tableChecksum, TableHasher } from './table-checksum';

const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
const chunk = fc.record({ digest: sha256, rows: fc.nat(), bytes: fc.nat() });
const hex = (bytes: Buffer): string => bytes.toString('hex');

const FINGERPRINT = 'ab'.repeat(32);
const ONE = '01'.repeat(32);
const TWO = '02'.repeat(32);

describe('the checksum of a table', () => {
  it('is the SHA-256 over the tag, the fingerprint and the digests', () => {
    fc.assert(
      fc.property(sha256, fc.array(sha256), (fingerprint, digests) => {
        const preimage = Buffer.concat([Buffer.from('rivulet table 1\n'), fingerprint, ...digests]);
        const expected = createHash('sha256').update(preimage).digest('hex');
        expect(tableChecksum(hex(fingerprint), digests.map(hex))).toBe(expected);
      }),
    );
  });

  it('is the same when it is computed chunk by chunk, and rows and bytes are counted along', () => {
    fc.assert(
      fc.property(fc.array(chunk), (chunks) => {
        const hasher = new TableHasher(FINGERPRINT);
        for (const each of chunks) hasher.add(each);
        expect(hasher.finish()).toEqual({
          rows: chunks.reduce((sum, { rows }) => sum + rows, 0),
          bytes: chunks.reduce((sum, { bytes }) => sum + bytes, 0),
          checksum: tableChecksum(
            FINGERPRINT,
            chunks.map(({ digest }) => hex(digest)),
          ),
        });
      }),
    );
  });

  it('depends on the schema, on every chunk, and on their order', () => {
    const checksums = [
      tableChecksum(FINGERPRINT, []),
      tableChecksum('cd'.repeat(32), []),
      tableChecksum(FINGERPRINT, [ONE]),
      tableChecksum(FINGERPRINT, [ONE, TWO]),
      tableChecksum(FINGERPRINT, [TWO, ONE]),
      tableChecksum(FINGERPRINT, [ONE, TWO, TWO]),
    ];
    expect(new Set(checksums).size).toBe(checksums.length);
  });
});
