import { RivuletError } from '@rivulet/errors';
import type { ManifestTable, TableSchema } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { findDependents, dependentsError, type BlockedMirror } from '../catalogue/dependents';
import { canCarry, findExtraIndexes, type CarriedIndex } from '../indexes/extra-indexes';
import {
  fingerprintOf,
  inspectPlaces,
  isMirror,
  type FoundMirror,
  type FoundObject,
} from '../catalogue/mirror-catalogue';
import { placeKey, placeText, type MirrorPlace } from '../catalogue/mirror-place';

/** A mirror as the edge has recorded it. */
export interface RecordedMirror extends MirrorPlace, Pick<TableSchema, 'name' | 'onRemove'> {}

/** A mirror of the manifest, and the table that exists for it. */
export interface ArrangedMirror {
  table: ManifestTable;
  /** The existing mirror, wherever it is and whichever columns it has. */
  existing?: FoundMirror;
  fits: boolean;
  /** Where to write its rows: the existing table, or a new one. */
  place: MirrorPlace;
  /** Application indexes that were recreated on the new table, if the mirror is rebuilt. */
  carried: CarriedIndex[];
}

/** How the existing mirrors become those of a manifest. */
export interface Arrangement {
  /** In the order of the manifest. */
  mirrors: ArrangedMirror[];
  /** Mirrors to drop. */
  dropped: FoundMirror[];
  /** Mirrors that stay but are no longer kept up to date. */
  detached: { name: string; mirror: FoundMirror }[];
}

type Found = Map<string, FoundObject>;

/**
 * Finds each mirror of a manifest: first in its recorded place, then in the place that the manifest names. A mirror
 * with different columns is rebuilt under a temporary name until its rows are proved. Changes nothing.
 *
 * @throws RivuletError MIRROR_TABLE_CONFLICT when an object of an application has the name
 */
export async function arrangeMirrors(
  client: ClientBase,
  tables: ManifestTable[],
  recorded: RecordedMirror[],
): Promise<Arrangement> {
  const found = await inspectPlaces(client, [...tables, ...recorded]);
  refuseConflicts(tables, found);
  const taken = new Set<number>();
  const take = (place: MirrorPlace | undefined): FoundMirror | undefined => {
    const candidate = place && found.get(placeKey(place));
    if (!isMirror(candidate) || taken.has(candidate.oid)) return undefined;
    taken.add(candidate.oid);
    return candidate;
  };
  // Recorded mirrors first: a new name may still belong to one of them.
  const known = tables.map(({ name }) => take(recorded.find((candidate) => candidate.name === name)));
  const mirrors = tables.map((table, index) =>
    arrange(table, index, known[index] ?? take(table), found.has(placeKey(table))),
  );
  // Mirrors of no dataset that occupy a needed name.
  const dropped = tables.flatMap((table) => take(table) ?? []);
  const detached: Arrangement['detached'] = [];
  for (const former of recorded.filter(({ name }) => !tables.some((table) => table.name === name))) {
    const mirror = take(former);
    if (mirror === undefined) continue;
    if (former.onRemove === 'drop') dropped.push(mirror);
    else detached.push({ name: former.name, mirror });
  }
  return { mirrors, dropped, detached };
}

function refuseConflicts(tables: ManifestTable[], found: Found): void {
  for (const table of tables) {
    const other = found.get(placeKey(table));
    if (other === undefined || isMirror(other)) continue;
    throw new RivuletError(
      'MIRROR_TABLE_CONFLICT',
      `Dataset ${table.name} needs the name ${placeText(table)}, ` +
        `which belongs to ${/^[aeiou]/.test(other.kind) ? 'an' : 'a'} ${other.kind} that Rivulet did not create.`,
    );
  }
}

function arrange(
  table: ManifestTable,
  index: number,
  existing: FoundMirror | undefined,
  isNameTaken: boolean,
): ArrangedMirror {
  if (existing === undefined || fingerprintOf(table.name, existing) !== table.fingerprint) {
    const { schema } = table;
    const place = { schema, table: isNameTaken ? `rivulet_new_${index}` : table.table };
    return { table, fits: false, place, carried: [], ...(existing === undefined ? {} : { existing }) };
  }
  const place = { schema: existing.schema, table: existing.table };
  return { table, existing, fits: true, place, carried: [] };
}

/** The mirrors that are rebuilt. */
export function replacedMirrors({ mirrors }: Arrangement): (ArrangedMirror & { existing: FoundMirror })[] {
  return mirrors.filter(
    (mirror): mirror is ArrangedMirror & { existing: FoundMirror } =>
      !mirror.fits && mirror.existing !== undefined,
  );
}

/**
 * Refuses an arrangement that would drop objects that applications have created on a mirror. Grants, and indexes on
 * columns that stay, are carried over to a rebuilt mirror.
 *
 * @throws RivuletError MIRROR_HAS_DEPENDENTS, naming the objects
 */
export async function refuseLosses(client: ClientBase, arrangement: Arrangement): Promise<void> {
  const held: BlockedMirror[] = [];
  for (const { existing, table } of replacedMirrors(arrangement)) {
    const dependents = await findDependents(client, existing.oid, true);
    for (const index of await findExtraIndexes(client, existing)) {
      if (!canCarry(index, table.columns)) dependents.push(`index ${index.name}`);
    }
    held.push({ place: existing, dependents });
  }
  for (const mirror of arrangement.dropped) {
    held.push({ place: mirror, dependents: await findDependents(client, mirror.oid, false) });
  }
  const lossy = held.filter(({ dependents }) => dependents.length > 0);
  if (lossy.length > 0) throw dependentsError(lossy);
}
