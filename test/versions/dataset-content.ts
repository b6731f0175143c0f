import { Readable } from 'node:stream';
import {
  arrangeMirrors,
  buildIndexes,
  loadMirror,
  mergeChunks,
  mergePatches,
  openMirror,
  proveMirror,
  refuseLosses,
  scanMirror,
  cutOverMirrors,
} from '@rivulet/mirror';
import { inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import {
  compareChunkLists,
  compareRows,
  PatchWriter,
  schemaFingerprint,
  TableHasher,
  type Chunk,
  type ChunkSpan,
  type ManifestTable,
} from '@rivulet/protocol';
import { bindQuery, describeQuery, parseQueryTemplate, readChunks } from '@rivulet/snapshot';
import { ordinary } from '@rivulet/testing';
import type { ClientBase, Pool } from 'pg';

const limits = { statementTimeoutMs: 60_000, lockTimeoutMs: 10_000, idleTimeoutMs: 60_000 };

export interface Asked {
  name: string;
  query: string;
  key: string[];
}

/** What a manifest promises of a table, and the chunks that keep the promise. */
export interface Content {
  table: ManifestTable;
  chunks: Chunk[];
}

export function transaction<T>(pool: Pool, work: (client: ClientBase) => Promise<T>): Promise<T> {
  return withClient(pool, (client) =>
    inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      return work(client);
    }),
  );
}

/** As central makes it of a dataset. */
export function contentOf(pool: Pool, { name, query, key }: Asked): Promise<Content> {
  return transaction(pool, async (client) => {
    const template = parseQueryTemplate(query);
    const described = await describeQuery(client, template, new Map());
    const refused = described.find((column) => column.refusal !== undefined);
    if (refused !== undefined) throw new Error(`${refused.name}: ${refused.refusal}`);
    const keyColumns = key.map((column) => described.find((candidate) => candidate.name === column)!);
    const columns = [...keyColumns, ...described.filter((column) => !keyColumns.includes(column))];
    const schema = {
      name,
      ...ordinary,
      table: name,
      columns: columns.map(({ name: column, type }) => ({ name: column, type })),
      key,
    };
    const fingerprint = schemaFingerprint(schema);
    const hasher = new TableHasher(fingerprint);
    const chunks: Chunk[] = [];
    const boundQuery = bindQuery(template, new Map());
    for await (const chunk of readChunks(client, { boundQuery, columns, keyColumns: key.length })) {
      hasher.add(chunk);
      chunks.push(chunk);
    }
    return { table: { ...schema, indexes: [], fingerprint, ...hasher.finish() }, chunks };
  });
}

/** Refills the mirror and proves it, as the edge does. */
export async function load(client: ClientBase, { table, chunks }: Content): Promise<void> {
  const arrangement = await arrangeMirrors(client, [table], []);
  await refuseLosses(client, arrangement);
  const [arranged] = arrangement.mirrors;
  const { mirror } = await loadMirror(client, arranged!, Readable.from(piecesOf(chunks)));
  await buildIndexes(client, arranged!, mirror);
  proveMirror(table, await scanMirror(client, mirror));
  await cutOverMirrors(client, arrangement, { patienceMs: 1_000, signal: new AbortController().signal });
}

export type Merge = (client: ClientBase, base: Content, target: Content) => Promise<void>;

export const mergeByChunks: Merge = async (client, base, target) => {
  const mirror = await openMirror(client, target.table);
  const spans = spansBetween(base, target);
  const coming = spans.flatMap((span) =>
    target.chunks.slice(span.newPosition, span.newPosition + span.newCount),
  );
  await mergeChunks(client, mirror, base.chunks, spans, Readable.from(piecesOf(coming)));
  proveMirror(target.table, await scanMirror(client, mirror));
};

export const mergeByPatches: Merge = async (client, base, target) => {
  const mirror = await openMirror(client, target.table);
  await mergePatches(client, mirror, base.chunks, Readable.from(patchesBetween(base, target)));
  proveMirror(target.table, await scanMirror(client, mirror));
};

/** As central writes them. */
function patchesBetween(base: Content, target: Content): Buffer[] {
  const writer = new PatchWriter();
  const patches = spansBetween(base, target).flatMap((span) => {
    const { position, count, newPosition, newCount } = span;
    const going = Buffer.concat(piecesOf(base.chunks.slice(position, position + count)));
    const coming = Buffer.concat(piecesOf(target.chunks.slice(newPosition, newPosition + newCount)));
    return writer.add({ position, count, ...compareRows(going, coming, base.table.key.length) });
  });
  return [...patches, ...writer.end()].map(({ content }) => content);
}

function spansBetween(base: Content, target: Content): ChunkSpan[] {
  const digests = ({ chunks }: Content): string[] => chunks.map((chunk) => chunk.digest.toString('hex'));
  return compareChunkLists(digests(base), digests(target));
}

function piecesOf(chunks: Chunk[]): Buffer[] {
  return chunks.map((chunk) => chunk.content);
}
