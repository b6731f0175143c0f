import {
  CHUNK_MAX_BYTES,
  ChunkCutter,
  freeMemory,
  type Chunk,
  type ChunkCutterOptions,
} from '@rivulet/protocol';
import { copyOutEach } from '@rivulet/postgres';
import { escapeIdentifier, type ClientBase } from 'pg';
import type { DescribedColumn } from './describe-query';
import { orderedColumn, rangeCondition, type KeyRange } from './key-range';

/** The source of canonical rows: a bound query, its columns with the key first, and the number of key columns. */
export interface RowSource {
  boundQuery: string;
  columns: DescribedColumn[];
  keyColumns: number;
  /** Only the rows with these keys. */
  range?: KeyRange;
}

/**
 * Reads the rows in key order and cuts them into chunks, with one chunk in memory at a time. The caller has opened the
 * transaction and pinned the canonical settings.
 *
 * @throws RowError when a key is NULL or repeated, or a row is too large; PostgreSQL's error when the query fails
 */
export async function* readChunks(
  client: ClientBase,
  source: RowSource,
  limits: Pick<ChunkCutterOptions, 'maxRowBytes'> = {},
): AsyncGenerator<Chunk, void> {
  for await (const { chunk } of cutEach(client, source.keyColumns, [canonicalCopy(source)], limits))
    yield chunk;
}

/** A chunk of the rows in one of several ranges of keys. */
export interface RangeChunk {
  /** The place of the range. */
  range: number;
  chunk: Chunk;
}

/** The same for the rows in some ranges of keys, each cut by itself. */
export async function* readRanges(
  client: ClientBase,
  source: RowSource,
  ranges: readonly KeyRange[],
  limits: Pick<ChunkCutterOptions, 'maxRowBytes' | 'markedCrcs'> = {},
): AsyncGenerator<RangeChunk, void> {
  yield* cutEach(client, source.keyColumns, copiesOf(source, ranges), limits);
}

/** Their statements, each when it is sent. */
function* copiesOf(source: RowSource, ranges: readonly KeyRange[]): Generator<string, void> {
  for (const range of ranges) yield canonicalCopy({ ...source, range });
}

async function* cutEach(
  client: ClientBase,
  keyColumns: number,
  statements: Iterable<string>,
  limits: Pick<ChunkCutterOptions, 'maxRowBytes' | 'markedCrcs'>,
): AsyncGenerator<RangeChunk, void> {
  const workspace = Buffer.allocUnsafe(CHUNK_MAX_BYTES);
  const newCutter = (): ChunkCutter =>
    new ChunkCutter(keyColumns, { ...limits, keepContent: true, workspace });
  try {
    let range = 0;
    let cutter = newCutter();
    for await (const { statement, rows } of copyOutEach(client, statements)) {
      if (statement !== range) {
        for (const chunk of cutter.end()) yield { range, chunk };
        range = statement;
        cutter = newCutter();
      }
      const chunks = cutter.push(rows);
      freeMemory(rows);
      for (const chunk of chunks) yield { range, chunk };
    }
    for (const chunk of cutter.end()) yield { range, chunk };
  } finally {
    freeMemory(workspace);
  }
}

/** The statement whose output is the canonical rows, by definition (docs/protocol.md). */
export function canonicalCopy(source: RowSource): string {
  return `COPY (${canonicalSelect(source)}) TO STDOUT`;
}

/** The query of that statement: the columns with their types on the wire, in the order of the key. */
export function canonicalSelect(source: RowSource): string {
  const { boundQuery, columns, keyColumns, range } = source;
  const where = range === undefined ? '' : ` WHERE ${rangeCondition(columns.slice(0, keyColumns), range)}`;
  return (
    `SELECT * FROM (SELECT ${columns.map(sentColumn).join(', ')} FROM (\n${boundQuery}\n) AS query) ` +
    `AS dataset${where} ORDER BY ${orderOfKey(source).join(', ')}`
  );
}

/** A column with its type on the wire. */
export function sentColumn({ name, castTo }: DescribedColumn): string {
  const identifier = escapeIdentifier(name);
  return castTo === undefined ? identifier : `${identifier}::${castTo} AS ${identifier}`;
}

export function orderOfKey({ columns, keyColumns }: Pick<RowSource, 'columns' | 'keyColumns'>): string[] {
  return columns.slice(0, keyColumns).map(orderedColumn);
}
