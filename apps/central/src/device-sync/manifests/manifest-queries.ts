import { preparedStatement } from '@rivulet/postgres';

/** By primary key, and by the end of the index on (mac_address, epoch, sequence). */
export const findManifests = preparedStatement(
  'rivulet manifests of devices',
  `
SELECT place, manifest.device_id AS "deviceId", resync_since AS "resyncSince"
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (manifest_id, mac_address, place)
JOIN rivulet.sync_manifests manifest USING (manifest_id, mac_address)
WHERE manifest.device_id = (
  SELECT device_id FROM rivulet.sync_manifests latest
  WHERE latest.mac_address = asked.mac_address ORDER BY epoch DESC, sequence DESC LIMIT 1)`,
);

/** By primary key. */
export const listTables = preparedStatement(
  'rivulet tables of manifests',
  `
SELECT manifest_id AS "manifestId", position, name, action, rows::float8 AS rows, bytes::float8 AS bytes, checksum,
       snapshot_id::float8 AS "snapshotId", base_snapshot_id::float8 AS "baseSnapshotId"
FROM rivulet.sync_manifest_tables WHERE manifest_id = ANY ($1) ORDER BY manifest_id, position`,
);

/** A frame of a manifest, with what is known of the manifest; one row without a frame where none is listed. */
export interface FrameRow {
  manifestId: string;
  isExpired: boolean;
  /** Null of a manifest for which that was not written down. */
  frameCount: number | null;
  kind: 'chunk' | 'patch' | null;
  table: number;
  digest: Buffer;
  contentBytes: number;
}

/**
 * By primary key: of each table its list, in the order in which the plan names the frames. Of manifests with more frames than
 * $2 none is listed.
 */
export const listFrames = preparedStatement(
  'rivulet frames of manifests',
  `
SELECT manifest.*, frame.*
FROM (
  SELECT manifest_id AS "manifestId", frame_count AS "frameCount", EXISTS (
    SELECT FROM rivulet.sync_manifest_tables planned
    WHERE planned.manifest_id = manifest.manifest_id
      AND ((action <> 'keep' AND snapshot_id IS NULL) OR (action = 'patch' AND base_snapshot_id IS NULL))
  ) AS "isExpired"
  FROM rivulet.sync_manifests manifest WHERE manifest_id = ANY ($1::text[])
) AS manifest LEFT JOIN LATERAL (
  SELECT kind, planned.position AS "table", frame.position, digest, content_bytes AS "contentBytes"
  FROM rivulet.sync_manifest_tables planned, LATERAL (
    SELECT 'chunk' AS kind, position, digest, content_bytes FROM rivulet.snapshot_chunks chunk
    WHERE planned.action = 'load' AND chunk.snapshot_id = planned.snapshot_id
    UNION ALL
    SELECT 'patch', position, digest, content_bytes FROM rivulet.snapshot_patches patch
    WHERE planned.action = 'patch'
      AND (patch.base_snapshot_id, patch.snapshot_id) = (planned.base_snapshot_id, planned.snapshot_id)
  ) AS frame
  WHERE planned.manifest_id = manifest."manifestId" AND coalesce(manifest."frameCount" <= $2::int, $2 IS NULL)
) AS frame ON true
ORDER BY "manifestId", "table", position`,
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
