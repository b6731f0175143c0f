import { decodeFrame, parsePatch, type PatchContent } from '@rivulet/protocol';
import type { DatasetCatalogue } from '@rivulet/datasets';
import type { ReadyPatches } from '../src/snapshots/patches/ready-patches';
import type { CentralFixture } from './central-fixture';

/** A patch that central has got ready, by the numbers of its snapshots. */
export interface KeptPatch {
  baseSnapshotId: number;
  snapshotId: number;
  contents: PatchContent[];
}

/** @returns those that are kept from now on */
export function watchPatches(ready: ReadyPatches): KeptPatch[] {
  const kept: KeptPatch[] = [];
  const keep = ready.keep.bind(ready);
  ready.keep = (baseSnapshotId, snapshotId, contents) => {
    kept.push({ baseSnapshotId, snapshotId, contents });
    keep(baseSnapshotId, snapshotId, contents);
  };
  return kept;
}

/** Does what an edge does with a patch. @returns what is wrong with it */
export async function followPatch(
  fixture: CentralFixture,
  catalogue: DatasetCatalogue,
  { baseSnapshotId, snapshotId, contents }: KeptPatch,
): Promise<string | undefined> {
  const keyOf = keyReader(catalogue, await datasetOf(fixture, snapshotId));
  const base = await rowsOf(fixture, baseSnapshotId);
  const target = (await rowsOf(fixture, snapshotId)).flat();
  const rows = new Map(base.flat().map((row) => [keyOf(row), row]));
  for (const range of contents.flatMap(({ content }) => parsePatch(content, base.length))) {
    const { position, count } = range;
    const inside = new Set(
      base
        .slice(position, position + count)
        .flat()
        .map(keyOf),
    );
    const deletedKeys = range.deletedKeys.flatMap(linesOf);
    const written = range.rows.flatMap(linesOf);
    const stray = [...deletedKeys, ...written.map(keyOf)].find((key) => rows.has(key) && !inside.has(key));
    if (stray !== undefined) return `${stray} is outside of its range`;
    for (const key of deletedKeys) rows.delete(key);
    for (const row of written) rows.set(keyOf(row), row);
  }
  const isSame = rows.size === target.length && target.every((row) => rows.get(keyOf(row)) === row);
  return isSame ? undefined : 'a patch does not lead to the new rows';
}

function keyReader({ datasets }: DatasetCatalogue, name: string): (row: string) => string {
  const { key } = datasets.find(({ schema }) => schema.name === name)!.schema;
  return (row) => row.split('\t').slice(0, key.length).join('\t');
}

async function datasetOf({ database }: CentralFixture, snapshotId: number): Promise<string> {
  const { rows } = await database.pool.query<{ dataset: string }>(
    'SELECT dataset FROM rivulet.snapshots WHERE snapshot_id = $1',
    [snapshotId],
  );
  return rows[0]!.dataset;
}

/** By chunk. */
async function rowsOf({ database, store }: CentralFixture, snapshotId: number): Promise<string[][]> {
  const { rows } = await database.pool.query<{ digest: Buffer }>(
    'SELECT digest FROM rivulet.snapshot_chunks WHERE snapshot_id = $1 ORDER BY position',
    [snapshotId],
  );
  const stored = rows.length === 0 ? [] : await store.read(rows.map(({ digest }) => digest));
  return stored.map((chunk) => {
    const { block, ...rest } = chunk!;
    const header = { kind: 'chunk', table: 0, number: 0, blockBytes: block.length, ...rest } as const;
    return linesOf(decodeFrame({ header, block }));
  });
}

function linesOf(content: Buffer): string[] {
  return content.toString().split('\n').slice(0, -1);
}
