import { RivuletError, TableHasher, type ChunkSummary, type ManifestTable } from '@rivulet/protocol';

/**
 * Compares what was read back of a mirror with the manifest.
 *
 * @throws RivuletError CHECKSUM_MISMATCH
 */
export function proveMirror(table: ManifestTable, chunks: Iterable<ChunkSummary>): void {
  const hasher = new TableHasher(table.fingerprint);
  for (const chunk of chunks) hasher.add(chunk);
  const { rows, bytes, checksum } = hasher.finish();
  if (checksum === table.checksum && rows === table.rows && bytes === table.bytes) return;
  throw new RivuletError(
    'CHECKSUM_MISMATCH',
    `Table ${table.table} reads back as ${rows} rows with checksum ${checksum.slice(0, 12)}; ` +
      `the manifest promises ${table.rows} rows with ${table.checksum.slice(0, 12)}.`,
  );
}
