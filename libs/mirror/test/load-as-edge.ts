import type { ManifestTable } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { arrangeMirrors, refuseLosses, type RecordedMirror } from '../src/arrange/arrange-mirrors';
import { buildIndexes } from '../src/load/build-indexes';
import { loadMirror, type LoadedMirror } from '../src/load/load-mirror';
import { createMissingSchemas } from '../src/catalogue/mirror-grants';
import { openMirror } from '../src/table/mirror-table';
import { cutOverMirrors } from '../src/cutover/cut-over-mirrors';

const patience = { patienceMs: 1_000, signal: new AbortController().signal };

/** Fills one mirror and brings it to its place, as a manifest with nothing else would. */
export async function loadAsEdge(
  client: ClientBase,
  table: ManifestTable,
  content: AsyncIterable<Buffer>,
  recorded: RecordedMirror[] = [],
): Promise<LoadedMirror> {
  const arrangement = await arrangeMirrors(client, [table], recorded);
  await refuseLosses(client, arrangement);
  await createMissingSchemas(client, [table]);
  const [arranged] = arrangement.mirrors;
  const loaded = await loadMirror(client, arranged!, content);
  await buildIndexes(client, arranged!, loaded.mirror);
  await cutOverMirrors(client, arrangement, patience);
  return { ...loaded, mirror: await openMirror(client, table) };
}
