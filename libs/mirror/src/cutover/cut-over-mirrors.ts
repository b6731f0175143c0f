import { hasSqlState, sqlState } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import {
  refuseLosses,
  replacedMirrors,
  type ArrangedMirror,
  type Arrangement,
} from '../arrange/arrange-mirrors';
import { findExtraIndexes, restoreIndexNames } from '../indexes/extra-indexes';
import { lockTables, type LockPatience } from '../table/lock-tables';
import { commentOf, detachedComment } from '../catalogue/mirror-catalogue';
import { carryGrants } from '../catalogue/mirror-grants';
import { findOwnIndexes, renameOwnIndexes, type OwnIndex } from '../indexes/mirror-indexes';
import { placeKey, placeText, qualifiedName, type MirrorPlace } from '../catalogue/mirror-place';

/**
 * Gives every mirror of an arrangement its final name, schema, comment, indexes and grants, after all rows are written
 * and proved: the last step before the commit. Only tables that are dropped, replaced, moved, or lose an index are
 * locked, and only now, so that readers wait for a few catalogue statements at most.
 *
 * @throws RivuletError MIRROR_HAS_DEPENDENTS · MIRROR_BUSY · MIRROR_TABLE_CONFLICT · PostgreSQL's error when a table
 *   cannot be locked
 */
export async function cutOverMirrors(
  client: ClientBase,
  arrangement: Arrangement,
  patience: LockPatience,
): Promise<void> {
  await writeComments(client, arrangement);
  const ending = [...replacedMirrors(arrangement).map(({ existing }) => existing), ...arrangement.dropped];
  const incoming = arrangement.mirrors.filter(({ table, place }) => placeKey(table) !== placeKey(place));
  const moved = incoming.filter(({ fits }) => fits);
  const surplus = await findSurplusIndexes(client, arrangement.mirrors);
  const locked = [...ending, ...moved.map(({ place }) => place), ...surplus.map(({ place }) => place)];
  await lockTables(client, [...new Set(locked.map(qualifiedName))].toSorted(), patience);

  await refuseLatecomers(client, arrangement);
  for (const { index } of surplus) await dropIndex(client, index);
  await carryAllGrants(client, arrangement);
  for (const [number, { place }] of moved.entries()) await rename(client, place, `rivulet_moved_${number}`);
  if (ending.length > 0) await client.query(`DROP TABLE ${ending.map(qualifiedName).join(', ')}`);
  for (const mirror of incoming) {
    const number = moved.indexOf(mirror);
    const table = number === -1 ? mirror.place.table : `rivulet_moved_${number}`;
    await moveTo(client, { schema: mirror.place.schema, table }, mirror);
  }
  for (const { table, carried } of replacedMirrors(arrangement)) {
    await renameOwnIndexes(client, table);
    await restoreIndexNames(client, table.schema, carried);
  }
}

/** Updates the comments that name the dataset of each mirror. */
async function writeComments(client: ClientBase, { mirrors, detached }: Arrangement): Promise<void> {
  const comments: [MirrorPlace, string][] = detached.map(({ name, mirror }) => [
    mirror,
    detachedComment(name),
  ]);
  for (const { table, place, fits, existing } of mirrors) {
    if (fits && existing!.comment !== commentOf(table.name)) comments.push([place, commentOf(table.name)]);
  }
  for (const [place, comment] of comments) {
    await client.query(`COMMENT ON TABLE ${qualifiedName(place)} IS ${escapeLiteral(comment)}`);
  }
}

interface SurplusIndex {
  index: OwnIndex;
  /** The place of its table. */
  place: MirrorPlace;
}

/** Indexes that were created for an earlier manifest and that this one does not have. */
async function findSurplusIndexes(client: ClientBase, mirrors: ArrangedMirror[]): Promise<SurplusIndex[]> {
  const staying = mirrors.filter(({ fits }) => fits);
  const own = await findOwnIndexes(
    client,
    staying.map(({ place }) => place),
  );
  return own.flatMap((index) => {
    const { table, place } = staying.find(({ existing }) => existing!.oid === index.oid)!;
    const isWanted = table.indexes.some((columns) => isSameList(columns, index.columns));
    return index.isKey || isWanted ? [] : [{ index, place }];
  });
}

function isSameList(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((item, position) => item === b[position]);
}

async function dropIndex(client: ClientBase, { schema, name }: OwnIndex): Promise<void> {
  await client.query(`DROP INDEX ${qualifiedName({ schema, table: name })}`);
}

/** Refuses objects that applications created while the rows were being written. The tables are locked now. */
async function refuseLatecomers(client: ClientBase, arrangement: Arrangement): Promise<void> {
  await refuseLosses(client, arrangement);
  for (const { existing, carried, table } of replacedMirrors(arrangement)) {
    const known = new Set(carried.map(({ oid }) => oid));
    const late = (await findExtraIndexes(client, existing)).find(({ oid }) => !known.has(oid));
    if (late === undefined) continue;
    throw new RivuletError(
      'MIRROR_BUSY',
      `The index ${late.name} was created on ${placeText(table)} while its rows were being written.`,
    );
  }
}

async function carryAllGrants(client: ClientBase, arrangement: Arrangement): Promise<void> {
  for (const { existing, place, table } of replacedMirrors(arrangement)) {
    const columns = table.columns.map(({ name }) => name);
    await carryGrants(client, existing, qualifiedName(place), columns);
  }
}

async function rename(client: ClientBase, place: MirrorPlace, table: string): Promise<void> {
  await client.query(`ALTER TABLE ${qualifiedName(place)} RENAME TO ${escapeIdentifier(table)}`);
}

/** @throws RivuletError MIRROR_TABLE_CONFLICT when another object has its name, or that of one of its indexes */
async function moveTo(client: ClientBase, from: MirrorPlace, { table }: ArrangedMirror): Promise<void> {
  try {
    if (from.schema !== table.schema) {
      await client.query(`ALTER TABLE ${qualifiedName(from)} SET SCHEMA ${escapeIdentifier(table.schema)}`);
    }
    await rename(client, { schema: table.schema, table: from.table }, table.table);
  } catch (error) {
    // A relation or a type has the name.
    if (!hasSqlState(error, sqlState.duplicateTable, sqlState.duplicateObject)) throw error;
    throw new RivuletError(
      'MIRROR_TABLE_CONFLICT',
      `The mirror of dataset ${table.name} cannot move to ${placeText(table)}: ${error.message}.`,
      { cause: error },
    );
  }
}
