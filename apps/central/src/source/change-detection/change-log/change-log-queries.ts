import type { ClientBase } from 'pg';
import type { ValueChange } from './value-versions';

/** The last fold: the last time that versions were given. Its number orders, its version is random. */
export interface Marker {
  fold: string;
  version: string;
}

export async function readMarker(client: ClientBase): Promise<Marker & { isPending: boolean }> {
  const { rows } = await client.query<Marker & { isPending: boolean }>({
    name: 'rivulet marker',
    text: `SELECT coalesce(fold, 0)::text AS fold, coalesce(version, 0)::text AS version,
             EXISTS (SELECT FROM rivulet.changed_tables) OR EXISTS (SELECT FROM rivulet.changed_values) AS "isPending"
           FROM (VALUES (1)) AS one LEFT JOIN (
             SELECT fold, version FROM rivulet.folds ORDER BY fold DESC LIMIT 1) AS last ON true`,
  });
  return rows[0]!;
}

/** The changes since a fold, or everything when that fold is not of this log. */
export interface Changes {
  marker: Marker;
  isSince: boolean;
  tables: Record<string, string>;
  values: ValueChange[];
}

export async function readChanges(client: ClientBase, { fold: base, version }: Marker): Promise<Changes> {
  const { rows } = await client.query<Omit<Changes, 'values' | 'marker'> & Marker & { values: string[] }>({
    name: 'rivulet changes',
    text: changesSince,
    values: [base, version],
  });
  const { tables, isSince, values, ...marker } = rows[0]!;
  return { marker, isSince, tables, values: values.map(parseChange) };
}

function parseChange(text: string): ValueChange {
  const [relation, value, version] = text.split(' ') as [string, string, string];
  return { relation, value: Number(value), version: BigInt(version) };
}

/** A log that was restored from a backup has other folds under the same numbers. */
const changesSince = `
WITH base AS (
  SELECT EXISTS (SELECT FROM rivulet.folds WHERE fold = $1::bigint AND version = $2::bigint) AS "isSince"
), last AS (
  SELECT fold, version FROM rivulet.folds ORDER BY fold DESC LIMIT 1
)
SELECT "isSince", coalesce(fold, 0)::text AS fold, coalesce(version, 0)::text AS version,
  (SELECT coalesce(jsonb_object_agg(relation, version), '{}') FROM rivulet.table_versions) AS tables,
  ARRAY(
    SELECT concat_ws(' ', relation, value, version) FROM rivulet.value_versions
    WHERE fold > CASE WHEN "isSince" THEN $1::bigint ELSE 0 END
  ) AS values
FROM base LEFT JOIN last ON true`;

/** Notes that are looked at one by one; with more, the whole of each table counts as changed. */
const MAX_PENDING = 5_000;

/** The keys of changes that no version stands for; see Versions. */
export async function readPending(client: ClientBase): Promise<Set<string>> {
  const { rows } = await client.query<{ keys: string[] }>({
    name: 'rivulet pending',
    text: pendingKeys,
    values: [MAX_PENDING],
  });
  return new Set(rows[0]!.keys);
}

/** The notes of values have no index, which would cost writers more than the rest of their trigger. */
const pendingKeys = `
WITH notes AS MATERIALIZED (
  SELECT relation, value FROM rivulet.changed_values LIMIT $1::int + 1
), known AS MATERIALIZED (
  SELECT relation,
    EXISTS (SELECT FROM rivulet.changed_tables changed WHERE changed.relation = known.relation) AS is_whole,
    relation IN (SELECT relation FROM notes) AS has_values, (SELECT count(*) > $1::int FROM notes) AS has_more
  FROM rivulet.table_versions known
)
SELECT ARRAY(
  SELECT relation::text FROM known WHERE is_whole OR has_values OR has_more
  UNION ALL SELECT relation || ':0' FROM known WHERE is_whole OR has_more
  UNION ALL SELECT DISTINCT relation || ':' || value FROM notes
) AS keys`;

/** 63 random bits and a 1. */
const randomVersion = `('x' || left(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint | 1`;

/** To be held under the lock of the versions, so that folds are committed in the order of their numbers. */
export const nextFold = `SELECT coalesce(max(fold), 0) + 1 AS fold, ${randomVersion} AS version FROM rivulet.folds`;

/** Folds that are remembered, so that a central that was away for some of them need not read all versions again. */
const FOLDS_KEPT = 10_000;

/** Number of keys of one table in one fold; beyond it, the change is told for the whole table. */
const KEYS_OF_FOLD = 5_000;

/**
 * What is noted with keys is remembered with them, and of the rest the fold in which it last changed as a whole. The number
 * of keys stands in the fold, so that it is seen when some are lost, or when a central of an earlier version has folded.
 */
export const fold = `
WITH tables AS (
  DELETE FROM rivulet.changed_tables
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM rivulet.changed_tables LIMIT $1)) RETURNING relation, transaction
), noted AS (
  DELETE FROM rivulet.changed_values
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM rivulet.changed_values LIMIT $1)) RETURNING relation, value, key, transaction
), distinct_keys AS MATERIALIZED (
  SELECT DISTINCT relation, value, key FROM noted WHERE key IS NOT NULL
), crowded AS MATERIALIZED (
  SELECT relation FROM distinct_keys GROUP BY relation HAVING count(*) > ${KEYS_OF_FOLD}
), keyed AS MATERIALIZED (
  SELECT * FROM distinct_keys WHERE relation NOT IN (SELECT relation FROM crowded)
), changed AS (
  SELECT relation, value, bool_or(is_whole) AS is_whole FROM (
    SELECT relation, 0 AS value, true AS is_whole FROM tables
    UNION ALL
    SELECT relation, value, key IS NULL OR relation IN (SELECT relation FROM crowded) FROM noted
  ) AS all_notes GROUP BY relation, value
), next AS (
  INSERT INTO rivulet.folds (fold, version, keys) SELECT fold, version, (SELECT count(*) FROM keyed)
  FROM (${nextFold}) AS next WHERE EXISTS (SELECT FROM changed)
  RETURNING fold, version
), forgotten AS (
  DELETE FROM rivulet.folds WHERE fold <= (SELECT fold FROM next) - ${FOLDS_KEPT}
), forgotten_keys AS (
  DELETE FROM rivulet.changed_keys WHERE fold <= (SELECT fold FROM next) - ${FOLDS_KEPT}
), remembered AS (
  INSERT INTO rivulet.changed_keys (relation, fold, value, key) SELECT relation, fold, value, key FROM keyed, next
), given AS (
  UPDATE rivulet.table_versions SET version = gen_random_uuid() WHERE relation IN (SELECT relation FROM changed)
), kept AS (
  INSERT INTO rivulet.value_versions AS known (relation, value, fold, version, whole_fold)
  SELECT changed.relation, value, fold, next.version, CASE WHEN is_whole THEN fold ELSE 0 END FROM changed, next
  WHERE changed.relation IN (SELECT relation FROM rivulet.table_versions)
  ON CONFLICT (relation, value) DO UPDATE
  SET fold = excluded.fold, version = excluded.version, whole_fold = greatest(known.whole_fold, excluded.whole_fold)
)
SELECT greatest((SELECT count(*) FROM tables), (SELECT count(*) FROM noted))::int AS folded,
  CASE current_setting('track_commit_timestamp') WHEN 'on' THEN (
    SELECT extract(epoch FROM clock_timestamp() - min(pg_xact_commit_timestamp(transaction::xid))) * 1000
    FROM (SELECT transaction FROM tables UNION SELECT transaction FROM noted) AS transactions
  ) END::float8 AS "oldestMs"`;
