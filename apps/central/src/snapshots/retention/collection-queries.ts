/** The latest manifest of each device: what it has, or is about to have. Follows the index on (device_id, epoch, sequence). */
const latestManifests = `
  SELECT DISTINCT ON (device_id) manifest_id FROM rivulet.sync_manifests
  ORDER BY device_id, epoch DESC, sequence DESC`;

/**
 * The latest manifest of each MAC address: it says to which device that address belongs. Without it an older manifest, of the
 * device that had the address before, would be the latest. Follows the index on (mac_address, epoch, sequence).
 */
const latestOfAddresses = `
  SELECT DISTINCT ON (mac_address) manifest_id FROM rivulet.sync_manifests
  ORDER BY mac_address, epoch DESC, sequence DESC`;

/** $1: milliseconds. */
export const deleteOldRequests = `
DELETE FROM rivulet.sync_requests
WHERE received_at < now() - $1 * interval '1 millisecond' AND last_received_at < now() - $1 * interval '1 millisecond'`;

/** $1: milliseconds. Their tables and acknowledgements go with them. */
export const deleteOldManifests = `
DELETE FROM rivulet.sync_manifests
WHERE issued_at < now() - $1 * interval '1 millisecond' AND manifest_id NOT IN (${latestManifests})
  AND manifest_id NOT IN (${latestOfAddresses})`;

/** $1: milliseconds. What nobody has asked for since. */
export const deleteUnusedCacheEntries = `
DELETE FROM rivulet.snapshot_cache WHERE used_at < now() - $1 * interval '1 millisecond'`;

/** $1: milliseconds. Snapshots that only older manifests name; the tables of these keep their checksum. */
export const deleteUnusedSnapshots = `
WITH retained AS (
  SELECT snapshot_id, base_snapshot_id
  FROM rivulet.sync_manifest_tables JOIN rivulet.sync_manifests manifest USING (manifest_id)
  WHERE manifest.issued_at >= now() - $1 * interval '1 millisecond' OR manifest_id IN (${latestManifests})
)
DELETE FROM rivulet.snapshots WHERE snapshot_id NOT IN (
  SELECT snapshot_id FROM rivulet.snapshot_cache
  UNION ALL SELECT snapshot_id FROM retained WHERE snapshot_id IS NOT NULL
  UNION ALL SELECT base_snapshot_id FROM retained WHERE base_snapshot_id IS NOT NULL)`;

/** Anti-joins on the indexes of both lists by digest; blocks are not read. */
export const deleteUnusedChunks = `
DELETE FROM rivulet.chunks
WHERE NOT EXISTS (SELECT FROM rivulet.snapshot_chunks WHERE snapshot_chunks.digest = chunks.digest)
  AND NOT EXISTS (SELECT FROM rivulet.snapshot_patches WHERE snapshot_patches.digest = chunks.digest)`;
