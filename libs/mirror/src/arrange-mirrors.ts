import { RivuletError } from '@rivulet/errors';
import type { ManifestTable, TableSchema } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { findDependents, heldBy, type HeldMirror } from './dependents';
import { canCarry, findExtraIndexes, type CarriedIndex } from './extra-indexes';
import {
  fingerprintOf,
  inspectPlaces,
  isMirror,
  type FoundMirror,
  type FoundObject,
} from './mirror-catalogue';
import { placeKey, placeText, type MirrorPlace } from './mirror-place';

/** A mirror as the edge has recorded it. */
export interface RecordedMirror extends MirrorPlace, Pick<TableSchema, 'name' | 'onRemove'> {}

/** A mirror of the manifest, and what there is of it. */
export interface ArrangedMirror {
  table: ManifestTable;
  /** The mirror as it is, wherever that is: with the right columns, or with others. */
  existing?: FoundMirror;
  fits: boolean;
  /** Where its rows are to be written: where they are, or in a new table. */
  place: MirrorPlace;
  /** Of a mirror that is made anew: indexes of applications that the new table has got. */
  carried: CarriedIndex[];
}

/** How what there is becomes what a manifest wants. */
export interface Arrangement {
  /** In the order of the manifest. */
  mirrors: ArrangedMirror[];
  /** Mirrors that end, and leave nothing behind. */
  dropped: FoundMirror[];
  /** Mirrors that stay, and are no longer kept up to date. */
  parted: { name: string; mirror: FoundMirror }[];
}

type Found = Map<string, FoundObject>;

/**
 * Finds each mirror of a manifest: where it was recorded to be, or else where it is to be. What has other columns is to
 * be made anew, under a name that nobody knows until its rows are proved. Changes nothing.
 *
 * @throws RivuletError MIRROR_TABLE_CONFLICT when a name belongs to something of an application
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
  // First those that were recorded: a name that one of them is to take may still be another's.
  const known = tables.map(({ name }) => take(recorded.find((candidate) => candidate.name === name)));
  const mirrors = tables.map((table, index) =>
    arrange(table, index, known[index] ?? take(table), found.has(placeKey(table))),
  );
  // Nobody's any more, and in the way.
  const dropped = tables.flatMap((table) => take(table) ?? []);
  const parted: Arrangement['parted'] = [];
  for (const former of recorded.filter(({ name }) => !tables.some((table) => table.name === name))) {
    const mirror = take(former);
    if (mirror === undefined) continue;
    if (former.onRemove === 'drop') dropped.push(mirror);
    else parted.push({ name: former.name, mirror });
  }
  return { mirrors, dropped, parted };
}

function refuseConflicts(tables: ManifestTable[], found: Found): void {
  for (const table of tables) {
    const other = found.get(placeKey(table));
    if (other === undefined || isMirror(other)) continue;
    throw new RivuletError(
      'MIRROR_TABLE_CONFLICT',
      `Dataset ${table.name} needs the name ${placeText(table)}, ` +
        `which belongs to ${/^[aeiou]/.test(other.kind) ? 'an' : 'a'} ${other.kind} that Rivulet did not make.`,
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

/** The mirrors that are made anew. */
export function replacedMirrors({ mirrors }: Arrangement): (ArrangedMirror & { existing: FoundMirror })[] {
  return mirrors.filter(
    (mirror): mirror is ArrangedMirror & { existing: FoundMirror } =>
      !mirror.fits && mirror.existing !== undefined,
  );
}

/**
 * Refuses an arrangement by which something would be lost that applications have made of a mirror. What is granted, and
 * indexes on columns that stay, are carried over to a mirror that is made anew.
 *
 * @throws RivuletError MIRROR_HAS_DEPENDENTS, naming everything in the way
 */
export async function refuseLosses(client: ClientBase, arrangement: Arrangement): Promise<void> {
  const held: HeldMirror[] = [];
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
  if (lossy.length > 0) throw heldBy(lossy);
}
