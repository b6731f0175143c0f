/** $1: milliseconds. */
export const deleteOldRequests = `
DELETE FROM rivulet.sync_requests
WHERE received_at < now() - $1 * interval '1 millisecond' AND last_received_at < now() - $1 * interval '1 millisecond'`;

/**
 * $1: milliseconds. Their tables and acknowledgements go with them. Kept are
 *
 * - the latest manifest of each device: what it has, or is about to have;
 * - the latest that it has applied, by which it is known that the device has its rows from this database;
 * - the latest of each MAC address: it says to which device that address belongs. Without it an older manifest, of the
 *   device that had the address before, would be the latest.
 */
export const deleteOldManifests = `
DELETE FROM rivulet.sync_manifests old
WHERE issued_at < now() - $1 * interval '1 millisecond'
  AND EXISTS (
    SELECT FROM rivulet.sync_manifests later
    WHERE later.device_id = old.device_id AND (later.epoch, later.sequence) > (old.epoch, old.sequence))
  AND EXISTS (
    SELECT FROM rivulet.sync_manifests later
    WHERE later.mac_address = old.mac_address AND (later.epoch, later.sequence) > (old.epoch, old.sequence))
  AND (
    NOT EXISTS (
      SELECT FROM rivulet.sync_acknowledgements report
      WHERE report.manifest_id = old.manifest_id AND report.status = 'applied')
    OR EXISTS (
      SELECT FROM rivulet.sync_manifests later JOIN rivulet.sync_acknowledgements report USING (manifest_id)
      WHERE later.device_id = old.device_id AND (later.epoch, later.sequence) > (old.epoch, old.sequence)
        AND report.status = 'applied'))`;
