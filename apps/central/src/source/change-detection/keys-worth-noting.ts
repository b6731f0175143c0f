import { changedKeyOf } from '@rivulet/datasets';
import type { ClientBase } from 'pg';
import type { Look, WatchedQuery } from './look-at-queries';

/**
 * What is to be noted of the keys of tables, by their OIDs, as rivulet.note_body() takes it: the keys of datasets that are
 * so large that reading only a part of them is a gain, as writers pay for each note. A table grows with nobody looking at the
 * query again, so its size is asked for each time.
 *
 * @param leastBytes of the table; or, of a dataset for one of many scopes, as PostgreSQL guesses
 */
export async function keysWorthNoting(
  client: ClientBase,
  queries: readonly WatchedQuery[],
  looks: ReadonlyMap<string, Look>,
  leastBytes: number,
): Promise<Map<string, number[]>> {
  const candidates = queries.flatMap(({ name, key = [] }) => {
    const look = looks.get(name);
    if (look === undefined || look.polled !== undefined || typeof look.rowScan === 'string') return [];
    const changedKey = changedKeyOf(look.rowScan, key);
    if (key.length === 0 || typeof changedKey === 'string') return [];
    const isNarrowed = look.tracking.some(({ columns }) => columns !== undefined);
    return [{ ...changedKey, guessedBytes: isNarrowed ? look.rowScan.guessedBytes : undefined }];
  });
  const wanted = new Map<string, number[]>();
  if (candidates.length === 0) return wanted;
  const sizes = await readSizes(client, [...new Set(candidates.map(({ table }) => table))]);
  for (const { table, attributes, guessedBytes } of candidates) {
    if ((guessedBytes ?? sizes.get(table) ?? 0) < leastBytes) continue;
    const known = wanted.get(table) ?? [];
    wanted.set(table, [...new Set([...known, ...attributes.map((attribute) => -attribute)])]);
  }
  return wanted;
}

/** As of the last VACUUM or ANALYZE: the size of the file could only be asked for under a lock, for which ALTER TABLE is waited. */
async function readSizes(client: ClientBase, oids: string[]): Promise<Map<string, number>> {
  const { rows } = await client.query<{ oid: string; bytes: string }>(
    `SELECT oid::text AS oid, relpages * current_setting('block_size')::bigint AS bytes
     FROM pg_class WHERE oid = ANY ($1::oid[])`,
    [oids],
  );
  return new Map(rows.map(({ oid, bytes }) => [oid, Number(bytes)]));
}
