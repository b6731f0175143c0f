import { Readable } from 'node:stream';
import {
  ChunkCutter,
  compareChunkLists,
  compareRows,
  PatchWriter,
  schemaFingerprint,
  TableHasher,
  type Chunk,
  type ChunkSpan,
  type ChunkSummary,
  type Column,
  type ManifestTable,
} from '@rivulet/protocol';
import { inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { ordinary } from '@rivulet/testing';
import type { ClientBase, Pool } from 'pg';
import { mergeChunks } from '../src/merge/merge-chunks';
import { mergePatches } from '../src/merge/merge-patches';
import type { MergedRows } from '../src/merge/merge-rows';
import { openMirror, type Mirror } from '../src/table/mirror-table';
import { scanSpans } from '../src/prove/scan-mirror';
import { loadAsEdge } from './load-as-edge';

const limits = { statementTimeoutMs: 60_000, lockTimeoutMs: 10_000, idleTimeoutMs: 60_000 };

/** A manifest's statement of a table, and the chunks that fit it. */
export interface Content {
  table: ManifestTable;
  chunks: Chunk[];
}

/** The table `users`, with canonical rows in key order. */
export function contentOf(columns: Column[], keyColumns: number, rows: Buffer): Content {
  const key = columns.slice(0, keyColumns).map((column) => column.name);
  const shape = { name: 'users', ...ordinary, table: 'users', columns, key, indexes: [] };
  const fingerprint = schemaFingerprint(shape);
  const hasher = new TableHasher(fingerprint);
  const cutter = new ChunkCutter(keyColumns, { keepContent: true });
  const chunks = [...cutter.push(rows), ...cutter.end()];
  for (const chunk of chunks) hasher.add(chunk);
  return { table: { ...shape, fingerprint, ...hasher.finish() }, chunks };
}

const numberedColumns: Column[] = [
  { name: 'id', type: 'bigint' },
  { name: 'name', type: 'text' },
];

/** Rows `id name`, each of about a kilobyte, so that 65 of them make a chunk on average. */
export function numberedContent(names: Map<number, string>): Content {
  const rows = [...names].toSorted(([a], [b]) => a - b).map(([id, name]) => `${id}\t${name.padEnd(1_000)}\n`);
  return contentOf(numberedColumns, 1, Buffer.from(rows.join('')));
}

export function numbered(count: number): Map<number, string> {
  return new Map(Array.from({ length: count }, (_, index) => [index * 10, `row ${index}`]));
}

export function transaction<T>(pool: Pool, work: (client: ClientBase) => Promise<T>): Promise<T> {
  return withClient(pool, (client) =>
    inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      return work(client);
    }),
  );
}

export async function load(pool: Pool, { table, chunks }: Content): Promise<void> {
  await transaction(pool, (client) => loadAsEdge(client, table, Readable.from(piecesOf(chunks))));
}

function spansBetween(base: Content, target: Content): ChunkSpan[] {
  const digests = ({ chunks }: Content): string[] => chunks.map((chunk) => chunk.digest.toString('hex'));
  return compareChunkLists(digests(base), digests(target));
}

export function summaries({ chunks }: Content): ChunkSummary[] {
  return chunks.map(({ digest, rows, bytes, firstKey, lastKey }) => ({
    digest,
    rows,
    bytes,
    firstKey,
    lastKey,
  }));
}

export interface Merged extends MergedRows {
  /** Inserted or updated. */
  written: number;
  /** As they are read back after the merge. */
  chunks: ChunkSummary[];
}

export type Merge = (client: ClientBase, base: Content, target: Content) => Promise<Merged>;

export const byChunks: Merge = async (client, base, target) => {
  const mirror = await openMirror(client, target.table);
  const spans = spansBetween(base, target);
  const coming = spans.flatMap((span) =>
    target.chunks.slice(span.newPosition, span.newPosition + span.newCount),
  );
  const merged = await mergeChunks(client, mirror, summaries(base), spans, Readable.from(piecesOf(coming)));
  const written = merged.inserted + merged.updated;
  return { ...merged, written, chunks: await scanSpans(client, mirror, summaries(base), spans) };
};

export const byPatches: Merge = async (client, base, target) => {
  const mirror = await openMirror(client, target.table);
  return patch(client, mirror, base, patchesBetween(base, target));
};

export async function patch(
  client: ClientBase,
  mirror: Mirror,
  base: Content,
  contents: Buffer[],
): Promise<Merged> {
  const chunks = summaries(base);
  const { spans, ...merged } = await mergePatches(client, mirror, chunks, Readable.from(contents));
  const written = merged.inserted + merged.updated;
  return { ...merged, written, chunks: await scanSpans(client, mirror, chunks, spans) };
}

/** As central writes them. */
export function patchesBetween(base: Content, target: Content): Buffer[] {
  const writer = new PatchWriter();
  const keyColumns = base.table.key.length;
  const patches = spansBetween(base, target).flatMap((span) => {
    const { position, count, newPosition, newCount } = span;
    const going = Buffer.concat(piecesOf(base.chunks.slice(position, position + count)));
    const coming = Buffer.concat(piecesOf(target.chunks.slice(newPosition, newPosition + newCount)));
    return writer.add({ position, count, ...compareRows(going, coming, keyColumns) });
  });
  return [...patches, ...writer.end()].map(({ content }) => content);
}

function piecesOf(chunks: Chunk[]): Buffer[] {
  return chunks.map((chunk) => chunk.content);
}
