/**
 * What devices have, or will be sent. $1: milliseconds for which the payload of a superseded manifest is kept.
 *
 * The latest manifest of a device says what it has or is about to have; what it patches is needed until it is applied. One
 * that was superseded a moment ago may still be downloaded. Goes from device to device in the index on (device_id, epoch,
 * sequence), as there may be thousands of manifests of each.
 */
export const keptContents = `
RECURSIVE device (device_id) AS (
  (SELECT device_id FROM rivulet.sync_manifests ORDER BY device_id LIMIT 1)
  UNION ALL
  SELECT (
    SELECT later.device_id FROM rivulet.sync_manifests later
    WHERE later.device_id > device.device_id ORDER BY later.device_id LIMIT 1)
  FROM device WHERE device_id IS NOT NULL
), kept_manifest AS (
  SELECT latest.manifest_id, latest.issued_at
  FROM device, LATERAL (
    SELECT manifest_id, issued_at FROM rivulet.sync_manifests manifest
    WHERE manifest.device_id = device.device_id ORDER BY epoch DESC, sequence DESC LIMIT 1) AS latest
  UNION
  SELECT manifest_id, issued_at FROM rivulet.sync_manifests
  WHERE issued_at >= now() - $1 * interval '1 millisecond'
), kept_table AS MATERIALIZED (
  SELECT planned.snapshot_id, issued_at, coalesce(report.status = 'applied', false) AS is_applied,
         CASE WHEN report.status = 'applied' THEN NULL ELSE planned.base_snapshot_id END AS base_snapshot_id
  FROM kept_manifest JOIN rivulet.sync_manifest_tables planned USING (manifest_id)
       LEFT JOIN rivulet.sync_acknowledgements report USING (manifest_id)
)`;
