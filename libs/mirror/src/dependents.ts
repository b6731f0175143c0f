import { RivuletError } from '@rivulet/errors';
import type { ClientBase } from 'pg';
import { placeText, type MirrorPlace } from './mirror-place';

/** How many the message names; more are counted. */
const DEPENDENTS_NAMED = 20;

export interface HeldMirror {
  place: MirrorPlace;
  /** Kind and name of each. */
  dependents: string[];
}

/**
 * What depends on a table, or is part of it and not made by Rivulet: as pg_depend has it, of the table and of its row
 * type. Not among them are indexes, which are carried over or named elsewhere, what PostgreSQL keeps for itself
 * (types, TOAST, triggers of constraints), the primary key and NOT NULL. A view is what its rule stands for.
 * `isOwn` is said of what goes with the table when that is dropped.
 */
const selectDependents = `
  WITH own (classid, objid) AS (
    SELECT 'pg_class'::regclass::oid, $1::oid
    UNION ALL SELECT 'pg_type'::regclass, type.oid
    FROM pg_class class JOIN pg_type type ON type.oid = reltype OR type.typelem = reltype
    WHERE class.oid = $1
  ), dependent AS (
    SELECT CASE WHEN ev_class <> $1 THEN 'pg_class'::regclass::oid ELSE pg_depend.classid END AS classid,
           CASE WHEN ev_class <> $1 THEN ev_class ELSE pg_depend.objid END AS objid,
           pg_depend.objsubid, deptype
    FROM own JOIN pg_depend ON refclassid = own.classid AND refobjid = own.objid
    LEFT JOIN pg_rewrite ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = pg_depend.objid
    WHERE (pg_depend.classid, pg_depend.objid) NOT IN (SELECT * FROM own)
  ), foreign_to_us AS (
    SELECT classid, objid, objsubid, bool_or(deptype <> 'n') AS is_own
    FROM dependent
    WHERE NOT EXISTS (SELECT FROM pg_class WHERE classid = 'pg_class'::regclass AND oid = objid
                      AND (relkind = 't' OR relkind IN ('i', 'I')))
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE classid = 'pg_constraint'::regclass AND oid = objid
                      AND conrelid = $1 AND contype IN ('p', 'n'))
      AND NOT EXISTS (SELECT FROM pg_trigger WHERE classid = 'pg_trigger'::regclass AND oid = objid AND tgisinternal)
    GROUP BY classid, objid, objsubid
  )
  SELECT type || ' ' || identity AS name, is_own AS "isOwn"
  FROM foreign_to_us, pg_identify_object(classid, objid, objsubid)
  UNION ALL
  SELECT 'inheritance from ' || inhparent::regclass, true FROM pg_inherits WHERE inhrelid = $1
  UNION ALL
  SELECT 'row level security', true FROM pg_class WHERE oid = $1 AND relrowsecurity
  ORDER BY name`;

/**
 * Kind and name of what depends on a table and would not survive its end.
 *
 * @param own whether what is part of the table counts, too: triggers, policies, constraints, defaults, statistics,
 *   publications
 */
export async function findDependents(client: ClientBase, oid: number, own: boolean): Promise<string[]> {
  const { rows } = await client.query<{ name: string; isOwn: boolean }>(selectDependents, [oid]);
  return rows.filter(({ isOwn }) => own || !isOwn).map(({ name }) => name);
}

export function heldBy(mirrors: HeldMirror[], cause?: unknown): RivuletError {
  let left = DEPENDENTS_NAMED;
  const named = mirrors.map(({ place, dependents }) => {
    const shown = dependents.slice(0, left);
    left -= shown.length;
    return shown.length === 0 ? placeText(place) : `${placeText(place)} (${shown.join(', ')})`;
  });
  const more = mirrors.flatMap(({ dependents }) => dependents).length - DEPENDENTS_NAMED;
  const rest = more > 0 ? ` And ${more} more.` : '';
  return new RivuletError(
    'MIRROR_HAS_DEPENDENTS',
    `Mirrors that must be made anew or dropped have what would not survive it: ${named.join(', ')}.${rest}`,
    { cause },
  );
}
