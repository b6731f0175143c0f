import type { Dataset } from '@rivulet/datasets';
import { FRAME_HEADER_BYTES, type PatchContent, type TableContent } from '@rivulet/protocol';
import { preparedStatement } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import type { Snapshot } from '../snapshot';
import { whileNothingIsCollected } from '../snapshot-locks';
import { StoreLoss } from '../store-loss';

/** The result of reading a dataset for a scope, with the chunks that hold it, in order. */
export interface ReadContent extends TableContent {
  dataset: Dataset;
  digests: Buffer[];
  lastKeys: string[];
  /** What leads to it from the snapshot that was read before. */
  patch?: { baseSnapshotId: number; contents: PatchContent[] } | undefined;
}

type Known = Map<string, { snapshotId: number; wireBytes: number }>;

/**
 * Enters snapshots under their checksums, unless the same content is there already. One that has lost a part of its list is
 * replaced.
 *
 * @returns one for each content, in order
 * @throws StoreLoss when a chunk of one is no longer stored
 */
export async function recordSnapshots(database: DataSource, contents: ReadContent[]): Promise<Snapshot[]> {
  if (contents.length === 0) return [];
  // In one order everywhere: two processes that enter the same must not wait for each other.
  const distinct = [...new Map(contents.map((content) => [content.checksum, content])).values()].toSorted(
    (a, b) => (a.checksum < b.checksum ? -1 : 1),
  );
  const known = await whileNothingIsCollected(database, async (client) => {
    const inserted = await insert(client, distinct);
    const others = distinct.filter(({ checksum }) => !inserted.has(checksum));
    if (others.length === 0) return inserted;
    const found = await findWhole(client, others);
    const missing = others.filter(({ checksum }) => !found.has(checksum));
    if (missing.length === 0) return new Map([...inserted, ...found]);
    const replaced = await insert(client, missing);
    const late = missing.filter(({ checksum }) => !replaced.has(checksum));
    // Another process may have replaced them in this moment.
    const entered = late.length === 0 ? [] : await findWhole(client, late);
    return new Map([...inserted, ...found, ...replaced, ...entered]);
  });
  return contents.map(({ dataset, rows, bytes, checksum }) => {
    const entry = known.get(checksum);
    if (entry !== undefined) return { dataset, rows, bytes, checksum, ...entry };
    throw new StoreLoss(`Chunks of dataset ${dataset.schema.name} were collected while it was read.`);
  });
}

async function findWhole(client: ClientBase, contents: ReadContent[]): Promise<Known> {
  const { rows } = await client.query<SnapshotRow & { isWhole: boolean }>(findSnapshots, [
    contents.map(({ checksum }) => checksum),
    contents.map(({ digests }) => Buffer.concat(digests)),
  ]);
  const damaged = rows.filter(({ isWhole }) => !isWhole).map(({ snapshotId }) => snapshotId);
  if (damaged.length > 0) {
    await client.query('DELETE FROM rivulet.snapshots WHERE snapshot_id = ANY ($1)', [damaged]);
  }
  return knownOf(rows.filter(({ isWhole }) => isWhole));
}

async function insert(client: ClientBase, contents: ReadContent[]): Promise<Known> {
  const chunks = contents.flatMap(({ digests, lastKeys }, item) =>
    digests.map((digest, position) => ({ item, position, digest, lastKey: lastKeys[position]! })),
  );
  const { rows } = await client.query<SnapshotRow>(insertSnapshots, [
    contents.map(({ checksum }) => checksum),
    contents.map(({ dataset }) => dataset.schema.name),
    contents.map(({ rows: count }) => count),
    contents.map(({ bytes }) => bytes),
    contents.map(({ digests }) => digests.length),
    chunks.map(({ item }) => item + 1),
    chunks.map(({ position }) => position),
    chunks.map(({ digest }) => digest),
    chunks.map(({ lastKey }) => lastKey),
    FRAME_HEADER_BYTES,
  ]);
  return knownOf(rows);
}

interface SnapshotRow {
  checksum: string;
  snapshotId: string;
  wireBytes: string;
}

function knownOf(rows: SnapshotRow[]): Known {
  return new Map(
    rows.map(({ checksum, snapshotId, wireBytes }) => [
      checksum,
      { snapshotId: Number(snapshotId), wireBytes: Number(wireBytes) },
    ]),
  );
}

/** Digests have one length, so that two lists are equal when their bytes one after the other are. */
const findSnapshots = preparedStatement(
  'rivulet known snapshots',
  `
SELECT wanted.checksum, snapshot_id AS "snapshotId", wire_bytes AS "wireBytes", coalesce((
         SELECT string_agg(digest, '' ORDER BY position) FROM rivulet.snapshot_chunks listed
         WHERE listed.snapshot_id = snapshots.snapshot_id
       ), '') = wanted.digests AS "isWhole"
FROM unnest($1::text[], $2::bytea[]) AS wanted (checksum, digests) JOIN rivulet.snapshots USING (checksum)`,
);

/** None of a snapshot of which a chunk is missing. The length of a block is read from its TOAST pointer, not from the block. */
const insertSnapshots = preparedStatement(
  'rivulet new snapshots',
  `
WITH wanted AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::int[])
    WITH ORDINALITY AS wanted (checksum, dataset, rows, bytes, chunks, item)
), listed AS MATERIALIZED (
  SELECT item, position, digest, content_bytes, last_key, octet_length(block) AS block_bytes
  FROM unnest($6::bigint[], $7::int[], $8::bytea[], $9::text[]) AS chunk (item, position, digest, last_key)
  JOIN rivulet.chunks USING (digest)
), snapshot AS (
  INSERT INTO rivulet.snapshots (checksum, dataset, rows, bytes, wire_bytes)
  SELECT checksum, dataset, rows, bytes, coalesce(sum(block_bytes + $10::int), 0)
  FROM wanted LEFT JOIN listed USING (item)
  GROUP BY item, checksum, dataset, rows, bytes, chunks HAVING count(listed.item) = chunks
  ORDER BY checksum
  ON CONFLICT (checksum) DO NOTHING
  RETURNING checksum, snapshot_id, wire_bytes
), entered AS (
  INSERT INTO rivulet.snapshot_chunks (snapshot_id, position, digest, content_bytes, last_key)
  SELECT snapshot_id, position, digest, content_bytes, last_key
  FROM snapshot JOIN wanted USING (checksum) JOIN listed USING (item)
)
SELECT checksum, snapshot_id AS "snapshotId", wire_bytes AS "wireBytes" FROM snapshot`,
);
