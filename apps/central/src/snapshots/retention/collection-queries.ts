import { keptContents } from './kept-manifests';

/** Patches about to be named: a manifest is issued only when all its patches have been made. */
const IS_SETTLED = "created_at < now() - interval '10 minutes'";

/** Snapshots of a build that may still be reading other datasets, after which it names all of them. */
const WAS_ABANDONED = "created_at < now() - interval '1 day'";

/** Content for which lists are taken apart in one go: some 30,000 chunks. */
const BATCH_BYTES = 2 * 1024 * 1024 * 1024;
const BATCH_SNAPSHOTS = 500;
const BATCH_PATCHES = 2_000;

/**
 * $1: milliseconds; $2: whether nobody builds. Contents that nobody has or will be sent, the oldest first, as many as may go
 * at once. Should somebody be about to name one of them again, he finds that it is gone and builds it again.
 */
export const findUnusedSnapshots = `
WITH ${keptContents}, kept AS MATERIALIZED (
  SELECT snapshot_id FROM kept_table WHERE snapshot_id IS NOT NULL
  UNION SELECT base_snapshot_id FROM kept_table WHERE base_snapshot_id IS NOT NULL
  UNION SELECT snapshot_id FROM rivulet.snapshot_cache
), unused AS (
  SELECT snapshot_id, sum(bytes) OVER (ORDER BY snapshot_id) - bytes AS bytes_before
  FROM rivulet.snapshots
  WHERE NOT EXISTS (SELECT FROM kept WHERE kept.snapshot_id = snapshots.snapshot_id)
    AND (
      EXISTS (SELECT FROM rivulet.sync_manifest_tables named WHERE named.snapshot_id = snapshots.snapshot_id)
      OR ($2 AND ${IS_SETTLED}) OR ${WAS_ABANDONED})
)
SELECT snapshot_id AS "snapshotId" FROM unused WHERE bytes_before < ${BATCH_BYTES}
ORDER BY snapshot_id LIMIT ${BATCH_SNAPSHOTS}`;

/** $1: milliseconds. Patches that no manifest needs which is still to be applied. */
export const findUnusedPatches = `
WITH ${keptContents}
SELECT base_snapshot_id AS "baseSnapshotId", snapshot_id AS "snapshotId"
FROM rivulet.snapshot_patches patch
WHERE position = 0 AND ${IS_SETTLED} AND NOT EXISTS (
  SELECT FROM kept_table
  WHERE (kept_table.base_snapshot_id, kept_table.snapshot_id) = (patch.base_snapshot_id, patch.snapshot_id))
LIMIT ${BATCH_PATCHES}`;

/** Deletes the chunks of the snapshots in $1 that nothing else names. Returns the bytes of each. */
export const deleteChunksOfSnapshots = `
DELETE FROM rivulet.chunks
USING (SELECT DISTINCT digest FROM rivulet.snapshot_chunks WHERE snapshot_id = ANY ($1::bigint[])) AS listed
WHERE chunks.digest = listed.digest
  AND NOT EXISTS (
    SELECT FROM rivulet.snapshot_chunks other
    WHERE other.digest = listed.digest AND other.snapshot_id <> ALL ($1::bigint[]))
  AND NOT EXISTS (SELECT FROM rivulet.snapshot_patches patch WHERE patch.digest = listed.digest)
RETURNING octet_length(block) AS bytes`;

/** $1: snapshots. Their lists, patches and cache entries go with them; the tables of manifests keep their checksum. */
export const deleteSnapshots = 'DELETE FROM rivulet.snapshots WHERE snapshot_id = ANY ($1::bigint[])';

const PATCHES_THAT_GO = 'unnest($1::bigint[], $2::bigint[]) AS going (base_snapshot_id, snapshot_id)';

/** $1, $2: the base and target snapshots of patches that go. Their frames are hardly ever those of another patch. */
export const deleteFramesOfPatches = `
DELETE FROM rivulet.chunks
USING (
  SELECT DISTINCT digest FROM rivulet.snapshot_patches JOIN ${PATCHES_THAT_GO} USING (base_snapshot_id, snapshot_id)
) AS listed
WHERE chunks.digest = listed.digest
  AND NOT EXISTS (SELECT FROM rivulet.snapshot_chunks other WHERE other.digest = listed.digest)
  AND NOT EXISTS (
    SELECT FROM rivulet.snapshot_patches other
    WHERE other.digest = listed.digest AND NOT EXISTS (
      SELECT FROM ${PATCHES_THAT_GO}
      WHERE (going.base_snapshot_id, going.snapshot_id) = (other.base_snapshot_id, other.snapshot_id)))
RETURNING octet_length(block) AS bytes`;

export const deletePatches = `
DELETE FROM rivulet.snapshot_patches patch USING ${PATCHES_THAT_GO}
WHERE (patch.base_snapshot_id, patch.snapshot_id) = (going.base_snapshot_id, going.snapshot_id)`;

/** $1: milliseconds. What nobody has asked for since. */
export const deleteUnusedCacheEntries = `
DELETE FROM rivulet.snapshot_cache WHERE used_at < now() - $1 * interval '1 millisecond'`;

/**
 * $1: milliseconds, more than a dataset may take to be read. What is named nowhere: of builds that failed. Anti-joins on the
 * indexes of both lists by digest; blocks are not read.
 */
export const deleteOrphanedChunks = `
DELETE FROM rivulet.chunks
WHERE created_at < now() - $1 * interval '1 millisecond'
  AND NOT EXISTS (SELECT FROM rivulet.snapshot_chunks WHERE snapshot_chunks.digest = chunks.digest)
  AND NOT EXISTS (SELECT FROM rivulet.snapshot_patches WHERE snapshot_patches.digest = chunks.digest)`;

/**
 * $1, $2: milliseconds. Contents that can be read again, the longest unused first, but for those that a device may be
 * downloading: of a manifest that is younger than $2 and not applied yet. $3: bytes that are to be freed. What shares chunks
 * with others frees less.
 */
export const findLeastUsedSnapshots = `
WITH ${keptContents}, named AS (
  SELECT snapshot_id, max(issued_at) AS used_at,
         bool_or(NOT is_applied AND issued_at > now() - $2 * interval '1 millisecond') AS is_under_way
  FROM (
    SELECT snapshot_id, issued_at, is_applied FROM kept_table
    UNION ALL SELECT base_snapshot_id, issued_at, is_applied FROM kept_table
  ) AS kept GROUP BY snapshot_id
), cached AS (
  SELECT snapshot_id, max(used_at) AS used_at FROM rivulet.snapshot_cache GROUP BY snapshot_id
), ordered AS (
  SELECT snapshot_id, sum(wire_bytes) OVER by_use - wire_bytes AS bytes_before, row_number() OVER by_use AS place
  FROM rivulet.snapshots LEFT JOIN named USING (snapshot_id) LEFT JOIN cached USING (snapshot_id)
  WHERE ${IS_SETTLED} AND is_under_way IS NOT TRUE
  WINDOW by_use AS (ORDER BY greatest(named.used_at, cached.used_at, created_at), snapshot_id)
)
SELECT snapshot_id AS "snapshotId" FROM ordered WHERE bytes_before < $3 AND place <= ${BATCH_SNAPSHOTS}`;
