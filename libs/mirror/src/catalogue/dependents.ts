import { RivuletError } from '@rivulet/errors';
import type { ClientBase } from 'pg';
import { placeText, type MirrorPlace } from './mirror-place';

/** The message names this many and counts the rest. */
const DEPENDENTS_NAMED = 20;

export interface BlockedMirror {
  place: MirrorPlace;
  /** Kind and name of each object. */
  dependents: string[];
}

/**
 * Objects that depend on a table or its row type, or are part of it without being created by Rivulet, from pg_depend.
 * Left out: indexes, which are carried over or checked elsewhere; PostgreSQL's internal objects (types, TOAST, triggers
 * of constraints); the primary key and NOT NULL. A view is found through its rule. `isOwn` marks objects that are
 * dropped together with the table.
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
 * Kind and name of the objects that dropping a table would drop.
 *
 * @param own whether to include parts of the table: triggers, policies, constraints, defaults, statistics, publications
 */
export async function findDependents(client: ClientBase, oid: number, own: boolean): Promise<string[]> {
  const { rows } = await client.query<{ name: string; isOwn: boolean }>(selectDependents, [oid]);
  return rows.filter(({ isOwn }) => own || !isOwn).map(({ name }) => name);
}

export function dependentsError(mirrors: BlockedMirror[], cause?: unknown): RivuletError {
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
    `Mirrors that must be rebuilt or dropped have dependent objects that the change would drop: ${named.join(', ')}.${rest}`,
    { cause },
  );
}
