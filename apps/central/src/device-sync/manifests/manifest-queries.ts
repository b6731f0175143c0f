import { preparedStatement } from '@rivulet/postgres';

/** The device of a MAC address is that of its latest manifest. */
const latestDevice = `
  SELECT device_id FROM rivulet.sync_manifests latest
  WHERE latest.mac_address = asked.mac_address ORDER BY epoch DESC, sequence DESC LIMIT 1`;

/** By primary key, and by the end of the index on (mac_address, epoch, sequence). */
export const findManifests = preparedStatement(
  'rivulet manifests of devices',
  `
SELECT place, manifest.device_id AS "deviceId", resync_since AS "resyncSince"
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (manifest_id, mac_address, place)
JOIN rivulet.sync_manifests manifest USING (manifest_id, mac_address)
WHERE manifest.device_id = (${latestDevice})`,
);

/** By primary key. */
export const listTables = preparedStatement(
  'rivulet tables of manifests',
  `
SELECT manifest_id AS "manifestId", position, name, action, rows::float8 AS rows, bytes::float8 AS bytes, checksum,
       snapshot_id::float8 AS "snapshotId", base_snapshot_id::float8 AS "baseSnapshotId"
FROM rivulet.sync_manifest_tables WHERE manifest_id = ANY ($1) ORDER BY manifest_id, position`,
);

/** A frame of a manifest; a table without frames has one row, without a frame. */
export interface FrameRow {
  /** That of the manifest among those that were asked for, from 1. */
  place: string;
  /** Null of a manifest for which that was not written down. */
  frameCount: number | null;
  table: number | null;
  /** Whether what the table's frames were made of has been collected. */
  isExpired: boolean | null;
  kind: 'chunk' | 'patch' | null;
  digest: Buffer;
  contentBytes: number;
}

/**
 * By primary keys: of each table its list, in the order in which the plan names the frames. Of manifests with more frames than
 * $3 none is listed; of those of other devices there is no row. OFFSET 0 keeps PostgreSQL from reading all of a table of whose
 * size it has not learned yet.
 */
export const listFrames = preparedStatement(
  'rivulet frames of manifests',
  `
SELECT place, frame_count AS "frameCount", planned.position AS "table",
  (action <> 'keep' AND planned.snapshot_id IS NULL) OR (action = 'patch' AND base_snapshot_id IS NULL) AS "isExpired",
  kind, digest, content_bytes AS "contentBytes"
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (manifest_id, mac_address, place)
JOIN LATERAL (
  SELECT frame_count FROM rivulet.sync_manifests manifest
  WHERE manifest.manifest_id = asked.manifest_id AND (
    asked.mac_address IS NULL OR (manifest.mac_address = asked.mac_address AND manifest.device_id = (${latestDevice})))
  OFFSET 0
) AS manifest ON true
LEFT JOIN LATERAL (
  SELECT * FROM rivulet.sync_manifest_tables planned WHERE planned.manifest_id = asked.manifest_id OFFSET 0
) AS planned ON true
LEFT JOIN LATERAL (
  SELECT 'chunk' AS kind, position, digest, content_bytes FROM rivulet.snapshot_chunks chunk
  WHERE planned.action = 'load' AND chunk.snapshot_id = planned.snapshot_id
  UNION ALL
  SELECT 'patch', position, digest, content_bytes FROM rivulet.snapshot_patches patch
  WHERE planned.action = 'patch'
    AND (patch.base_snapshot_id, patch.snapshot_id) = (planned.base_snapshot_id, planned.snapshot_id)
) AS frame ON coalesce(frame_count <= $3::int, $3 IS NULL)
ORDER BY place, planned.position, frame.position`,
);

/** By the keys of both tables. */
export const readStanding = preparedStatement(
  'rivulet standing of manifests',
  `
SELECT EXISTS (
  SELECT FROM rivulet.sync_acknowledgements AS report
  WHERE report.manifest_id = manifest.manifest_id AND report.status = 'applied') AS "isReported"
FROM rivulet.sync_manifests AS manifest WHERE manifest_id = $1 AND device_id = $2`,
);
