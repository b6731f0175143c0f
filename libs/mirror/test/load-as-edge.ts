import type { ManifestTable } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { arrangeMirrors, refuseLosses, type RecordedMirror } from '../src/arrange-mirrors';
import { buildIndexes } from '../src/build-indexes';
import { loadMirror, type LoadedMirror } from '../src/load-mirror';
import { createMissingSchemas } from '../src/mirror-grants';
import { openMirror } from '../src/mirror-table';
import { settleMirrors } from '../src/settle-mirrors';

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
  await settleMirrors(client, arrangement, patience);
  return { ...loaded, mirror: await openMirror(client, table) };
}
