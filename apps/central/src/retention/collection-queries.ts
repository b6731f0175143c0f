/** The latest manifest of each device: what it has, or is about to have. Follows the index on (device_id, epoch, sequence). */
const latestManifests = `
  SELECT DISTINCT ON (device_id) manifest_id FROM rivulet.sync_manifests
  ORDER BY device_id, epoch DESC, sequence DESC`;

/** $1: milliseconds. */
export const deleteOldRequests = `
DELETE FROM rivulet.sync_requests WHERE received_at < now() - $1 * interval '1 millisecond'`;

/** $1: milliseconds. Their tables and acknowledgements go with them. */
export const deleteOldManifests = `
DELETE FROM rivulet.sync_manifests
WHERE issued_at < now() - $1 * interval '1 millisecond' AND manifest_id NOT IN (${latestManifests})`;

/** $1: milliseconds. Snapshots that only older manifests name; the tables of these keep their checksum. */
export const deleteUnusedSnapshots = `
DELETE FROM rivulet.snapshots WHERE NOT EXISTS (
  SELECT FROM rivulet.sync_manifest_tables named JOIN rivulet.sync_manifests manifest USING (manifest_id)
  WHERE named.snapshot_id = snapshots.snapshot_id
    AND (manifest.issued_at >= now() - $1 * interval '1 millisecond' OR manifest_id IN (${latestManifests})))`;

/** An anti-join on the index of snapshot_chunks (digest); blocks are not read. */
export const deleteUnusedChunks = `
DELETE FROM rivulet.chunks
WHERE NOT EXISTS (SELECT FROM rivulet.snapshot_chunks WHERE snapshot_chunks.digest = chunks.digest)`;
