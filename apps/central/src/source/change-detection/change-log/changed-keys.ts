import type { ClientBase } from 'pg';
import type { Marker } from './change-log-queries';

/** A key as the trigger of a table notes it: the texts of its columns in the order of the table, NULL if they are too long. */
export type NotedKey = (string | null)[];

/** Keys that are kept; with more, the oldest are forgotten, and with them what has changed since. */
const KEYS_KEPT = 50_000;

/**
 * The keys of the rows of a table that have changed since a fold, as far as the caller's REPEATABLE READ transaction sees
 * versions of it. Undefined where it is not certain that these are all: something has changed as a whole, or the log was
 * restored, cut short, or folded by a central that keeps no keys.
 *
 * @param values the notes of values that count; undefined: all of them
 * @param limit more keys than these are not told
 */
export async function readChangedKeys(
  client: ClientBase,
  relation: string,
  { fold, version }: Marker,
  values: readonly number[] | undefined,
  limit: number,
): Promise<NotedKey[] | undefined> {
  const { rows } = await client.query<{ isKnown: boolean; keys: NotedKey[] }>({
    name: 'rivulet changed keys',
    text: changedKeys,
    values: [relation, fold, version, values ?? null, limit],
  });
  const { isKnown, keys } = rows[0]!;
  return isKnown && keys.length <= limit ? keys : undefined;
}

const changedKeys = `
WITH since AS (
  SELECT count(*) AS folds, coalesce(max(fold), $2::bigint) AS last, coalesce(sum(keys), 0) AS keys,
    coalesce(bool_and(keys IS NOT NULL), true) AS have_keys
  FROM rivulet.folds WHERE fold > $2::bigint
)
SELECT EXISTS (SELECT FROM rivulet.folds WHERE fold = $2::bigint AND version = $3::bigint)
    AND folds = last - $2::bigint AND have_keys
    AND keys = (SELECT count(*) FROM rivulet.changed_keys WHERE fold > $2::bigint)
    AND EXISTS (SELECT FROM rivulet.value_versions WHERE relation = $1::oid AND value = 0)
    AND NOT EXISTS (
      SELECT FROM rivulet.value_versions
      WHERE relation = $1::oid AND whole_fold > $2::bigint AND ($4::int[] IS NULL OR value = ANY ($4) OR value = 0))
    AS "isKnown",
  (SELECT coalesce(jsonb_agg(key), '[]') FROM (
     SELECT DISTINCT key FROM rivulet.changed_keys
     WHERE relation = $1::oid AND fold > $2::bigint AND ($4::int[] IS NULL OR value = ANY ($4)) LIMIT $5::int + 1
   ) AS keys) AS keys
FROM since`;

/** Whoever has read something before the folds that are forgotten with their keys reads the whole of it. */
export async function forgetOldKeys(client: ClientBase): Promise<void> {
  await client.query(forget, [KEYS_KEPT]);
}

const forget = `
WITH oldest AS (
  SELECT fold FROM rivulet.changed_keys ORDER BY fold DESC OFFSET $1 LIMIT 1
), keys AS (
  DELETE FROM rivulet.changed_keys WHERE fold <= (SELECT fold FROM oldest)
)
DELETE FROM rivulet.folds WHERE fold <= (SELECT fold FROM oldest) AND fold < (SELECT max(fold) FROM rivulet.folds)`;
