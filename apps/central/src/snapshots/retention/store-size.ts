import type { ClientBase } from 'pg';

export type StoreKind = 'chunks' | 'lists' | 'history' | 'other';

/** Bytes of files, and what of them holds rows: the rest is free for new ones. */
export interface StoreSize {
  bytes: Record<StoreKind, number>;
  totalBytes: number;
}

/** Reads no row. */
export async function measureStore(client: Pick<ClientBase, 'query'>): Promise<StoreSize> {
  const { rows } = await client.query<{ kind: StoreKind; bytes: string }>(readSizes);
  const bytes = { chunks: 0, lists: 0, history: 0, other: 0 };
  for (const row of rows) bytes[row.kind] = Number(row.bytes);
  return { bytes, totalBytes: Object.values(bytes).reduce((sum, size) => sum + size, 0) };
}

/** Bytes of the rows, index entries included, estimated from the rows: files keep room that rows have left. Reads all lists. */
export async function measureUsedBytes(client: Pick<ClientBase, 'query'>): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(readUsedBytes);
  return Number(rows[0]!.bytes);
}

const readSizes = `
SELECT CASE WHEN relname = 'chunks' THEN 'chunks'
            WHEN relname LIKE 'snapshot%' THEN 'lists'
            WHEN relname LIKE 'sync\\\\_%' THEN 'history'
            ELSE 'other' END AS kind,
       sum(pg_total_relation_size(oid)) AS bytes
FROM pg_class WHERE relnamespace = 'rivulet'::regnamespace AND relkind = 'r'
GROUP BY 1`;

/** The length of a block is read from its TOAST pointer, not from the block. */
const readUsedBytes = `
SELECT (SELECT coalesce(sum(octet_length(block) + 200), 0) FROM rivulet.chunks)
     + (SELECT coalesce(sum(octet_length(last_key) + 170), 0) FROM rivulet.snapshot_chunks)
     + (SELECT count(*) * 250 FROM rivulet.snapshot_patches)
     + (SELECT coalesce(sum(coalesce(octet_length(document), octet_length(packed_document)) + 400), 0) FROM rivulet.sync_manifests)
     + (SELECT count(*) * 300 FROM rivulet.sync_manifest_tables)
     + (SELECT coalesce(sum(pg_column_size(tables) + coalesce(octet_length(statement), 0) + 300), 0) FROM rivulet.sync_acknowledgements)
     + (SELECT count(*) * 350 FROM rivulet.sync_requests) AS bytes`;
