import { onlineDevices } from '../devices/presence/connections';

/** The states of a device that syncs. */
export const fleetStates = ['current', 'behind', 'failing', 'silent', 'never'] as const;
export type FleetState = (typeof fleetStates)[number];

export interface FleetDevice {
  deviceId: string;
  name: string;
  macAddress: string | null;
  state: FleetState;
  online: boolean;
  /** The reason of `failing`, and of the last sync before the device fell silent. */
  code: string | null;
  table: string | null;
  /** Since when its rows are not known to be those that it is to have. */
  since: string;
  lagSeconds: number;
  lastSeenAt: string | null;
}

export interface FleetCounts {
  states: Record<FleetState, number>;
  online: number;
  /** Those that were heard and have no connection: changes reach them by their schedule. */
  unconnected: number;
  agents: { total: number; online: number };
  notServed: { pending: number; revoked: number; quarantined: number };
  reasons: { code: string; devices: number }[];
  /** Those that need attention, the failing first, then by lag. */
  devices: FleetDevice[];
  worst: FleetDevice | null;
}

/**
 * One row, `fleet`. Parameters: milliseconds without a call after which a device is silent; how many devices to name. Each
 * table is read once and hashed together; only the devices that are named are described.
 */
export const readFleet = `
WITH online AS MATERIALIZED (${onlineDevices}),
known AS MATERIALIZED (
  SELECT device_id, name, mac_address, kind, status, created_at, confirmed_at, unproved_since, failing_table,
    online.device_id IS NOT NULL AS is_online,
    greatest(last_seen_at, confirmed_at) AS heard_at,
    coalesce(failing_code, nullif(reported_code, '')) AS code
  FROM rivulet.devices LEFT JOIN rivulet.device_progress USING (device_id) LEFT JOIN online USING (device_id)
),
fleet AS MATERIALIZED (
  SELECT *, extract(epoch FROM clock_timestamp() - since) AS lag_seconds
  FROM (
    SELECT *, coalesce(unproved_since, confirmed_at, created_at) AS since,
      CASE
        WHEN heard_at IS NULL AND NOT is_online THEN 'never'
        WHEN NOT is_online AND heard_at < clock_timestamp() - silent_after THEN 'silent'
        WHEN code IS NOT NULL THEN 'failing'
        WHEN confirmed_at IS NULL THEN 'never'
        WHEN unproved_since IS NOT NULL OR confirmed_at < clock_timestamp() - silent_after THEN 'behind'
        ELSE 'current'
      END AS state
    FROM known, (SELECT $1::float8 * interval '1 millisecond' AS silent_after) AS setting
    WHERE kind = 'edge' AND status = 'active'
  ) AS judged
),
worst AS MATERIALIZED (SELECT * FROM fleet WHERE state NOT IN ('current', 'never') ORDER BY lag_seconds DESC LIMIT 1),
named AS MATERIALIZED (
  SELECT * FROM fleet WHERE state <> 'current' ORDER BY state = 'failing' DESC, lag_seconds DESC LIMIT $2
),
described AS (
  SELECT source, lag_seconds, state, json_build_object(
    'deviceId', device_id, 'name', name, 'macAddress', mac_address, 'state', state, 'online', is_online, 'code', code,
    'table', failing_table, 'since', since, 'lagSeconds', round(lag_seconds), 'lastSeenAt', heard_at) AS device
  FROM (SELECT 'worst' AS source, * FROM worst UNION ALL SELECT 'named', * FROM named) AS shown
)
SELECT json_build_object(
  'states', (SELECT coalesce(json_object_agg(state, count), '{}') FROM (SELECT state, count(*) FROM fleet GROUP BY state) AS each),
  'online', (SELECT count(*) FROM fleet WHERE is_online),
  'unconnected', (SELECT count(*) FROM fleet WHERE NOT is_online AND state IN ('current', 'behind', 'failing')),
  'agents', (SELECT json_build_object('total', count(*), 'online', count(*) FILTER (WHERE is_online))
             FROM known WHERE kind = 'agent' AND status = 'active'),
  'notServed', (SELECT json_build_object('pending', count(*) FILTER (WHERE status = 'pending'),
                  'revoked', count(*) FILTER (WHERE status = 'revoked'),
                  'quarantined', count(*) FILTER (WHERE status = 'quarantined')) FROM known),
  'reasons', (SELECT coalesce(json_agg(json_build_object('code', code, 'devices', count)), '[]') FROM (
                SELECT code, count(*) FROM fleet WHERE state = 'failing' GROUP BY code ORDER BY count(*) DESC, code LIMIT 10) AS top),
  'devices', (SELECT coalesce(json_agg(device ORDER BY state = 'failing' DESC, lag_seconds DESC), '[]')
              FROM described WHERE source = 'named'),
  'worst', (SELECT device FROM described WHERE source = 'worst')
) AS fleet`;
