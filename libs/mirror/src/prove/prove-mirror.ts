import { RivuletError } from '@rivulet/errors';
import { TableHasher, type ChunkSummary, type ManifestTable } from '@rivulet/protocol';

type Content = ReturnType<TableHasher['finish']>;

/**
 * Compares the chunks read back from a mirror with the manifest.
 *
 * @throws RivuletError CHECKSUM_MISMATCH
 */
export function proveMirror(table: ManifestTable, chunks: Iterable<ChunkSummary>): void {
  const content = contentOf(table, chunks);
  if (isEqual(table, content)) return;
  throw new RivuletError(
    'CHECKSUM_MISMATCH',
    `Table ${table.table} reads back as ${content.rows} rows with checksum ${content.checksum.slice(0, 12)}; ` +
      `the manifest has ${table.rows} rows with checksum ${table.checksum.slice(0, 12)}.`,
  );
}

/** Whether the chunks read back from a mirror match the manifest. */
export function matchesManifest(table: ManifestTable, chunks: Iterable<ChunkSummary>): boolean {
  return isEqual(table, contentOf(table, chunks));
}

function contentOf({ fingerprint }: ManifestTable, chunks: Iterable<ChunkSummary>): Content {
  const hasher = new TableHasher(fingerprint);
  for (const chunk of chunks) hasher.add(chunk);
  return hasher.finish();
}

function isEqual(table: ManifestTable, { rows, bytes, checksum }: Content): boolean {
  return checksum === table.checksum && rows === table.rows && bytes === table.bytes;
}
