import { Injectable } from '@nestjs/common';
import { inSavepoint, isInterruption, isPostgresError } from '@rivulet/postgres';
import { TableHasher } from '@rivulet/protocol';
import {
  canonicalSelect,
  keyTexts,
  locateKeys,
  readRanges,
  type KeyPlace,
  type KeyRange,
  type LocatedKey,
  type RowSource,
} from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { ChangeDetection } from '../../source/change-detection/change-detection';
import type { NotedKey } from '../../source/change-detection/change-log/changed-keys';
import type { BoundDataset } from '../bound-dataset';
import { ChunkStore } from '../chunk-store';
import { PARTLY_READ_BYTES, type SnapshotBase } from '../snapshot-cache';
import { ChunkBatches } from './chunk-batches';
import { cannotBeRead } from './dataset-failure';
import { ChangedRows } from './changed-rows';
import { readBaseChunks, type BaseChunk } from './base-chunks';
import type { ReadContent } from './record-snapshots';
import { staleRuns, type StaleRun } from './stale-runs';

/** When it is worth while to read only what has changed. */
export interface ChangedChunksLimits {
  /** Bytes of the last read. A smaller dataset is read whole. */
  leastBytes: number;
  /** Changed keys that are looked for. */
  mostKeys: number;
  /** The largest part of the bytes that is read. */
  mostShare: number;
  /** The largest part of the cost of a whole reading, as PostgreSQL guesses both. */
  mostCost: number;
}

const CHANGED_CHUNKS_LIMITS: ChangedChunksLimits = {
  leastBytes: PARTLY_READ_BYTES,
  mostKeys: 5_000,
  mostShare: 0.75,
  mostCost: 0.9,
};

/** The rows of the source that were read for it. */
export interface PartialContent extends ReadContent {
  rowsRead: number;
  bytesRead: number;
}

/**
 * Reads again only those chunks of a dataset in which keys of changed rows fall. What comes of it is the same, byte for byte,
 * as what a whole reading at the same moment gives: docs/adr/0027.
 */
@Injectable()
export class ChangedChunks {
  readonly limits = { ...CHANGED_CHUNKS_LIMITS };

  constructor(
    private readonly database: DataSource,
    private readonly store: ChunkStore,
    private readonly changes: ChangeDetection,
  ) {}

  /**
   * @param client in the REPEATABLE READ transaction whose moment the content shows, in which no change is pending that
   *   concerns the dataset
   * @param base what was read last of the same dataset for the same scope
   * @returns undefined where it is not certain that the rest has not changed, or not worth while: it must be read whole
   * @throws RivuletError DATASET_… when the rows are at fault
   */
  async read(
    client: ClientBase,
    bound: BoundDataset,
    base: SnapshotBase,
    maxRowBytes: number,
  ): Promise<PartialContent | undefined> {
    if (bound.polled || base.bytes < this.limits.leastBytes) return undefined;
    const keys = await this.changedKeys(client, bound, base);
    if (keys === undefined) return undefined;
    const chunks = await readBaseChunks(this.database, base, bound.dataset.fingerprint);
    if (chunks === undefined || chunks.length === 0) return undefined;
    const places = await this.locate(client, bound.source, chunks, keys);
    if (places === undefined) return undefined;
    const runs = await this.findRuns(client, bound.source, chunks, places);
    if (runs === undefined) return undefined;
    const changed = new ChangedRows(places);
    const content = await this.readRuns(client, bound, { chunks, runs, changed }, maxRowBytes);
    // Last: rows that were read of other definitions than those of the base would be mixed with its.
    const isSame = await this.changes.isDefinedAs(bound.dataset.queryId, bound.definition);
    if (!isSame || content === undefined) return undefined;
    const { chunks: next, ...whole } = content;
    const contents = changed.patch(chunks, next);
    return { ...whole, patch: contents && { baseSnapshotId: base.snapshotId, contents } };
  }

  /** In the order of the dataset's key. */
  private async changedKeys(
    client: ClientBase,
    { dataset, relations }: BoundDataset,
    { readAsOf }: SnapshotBase,
  ): Promise<string[][] | undefined> {
    const { queryId, columns, definition } = dataset;
    const changedKey = this.changes.changedKeyOf(queryId, columns.slice(0, definition.key.length));
    if (typeof changedKey === 'string') return undefined;
    const { table, attributes, noted } = changedKey;
    const values = valuesOf(relations, table);
    const keys = await this.changes.changedKeys(client, table, readAsOf, values, this.limits.mostKeys);
    const places = attributes.map((attribute) => noted.indexOf(attribute));
    const isWhole = (key: NotedKey): key is string[] => key.length === noted.length && !key.includes(null);
    return keys?.every(isWhole) === true ? keys.map((key) => places.map((place) => key[place]!)) : undefined;
  }

  private locate(
    client: ClientBase,
    source: RowSource,
    chunks: BaseChunk[],
    keys: string[][],
  ): Promise<LocatedKey[] | undefined> {
    return this.tolerant(client, () =>
      locateKeys(
        client,
        source.columns.slice(0, source.keyColumns),
        chunks.map(({ lastKey }) => keyTexts(lastKey)),
        keys,
      ),
    );
  }

  private async findRuns(
    client: ClientBase,
    source: RowSource,
    chunks: BaseChunk[],
    places: LocatedKey[],
  ): Promise<StaleRun[] | undefined> {
    const runs = this.runsOf(chunks, places);
    const sizes = runs.map(({ first, last }) => bytesOf(chunks.slice(first, last + 1)));
    const isOne = runs.length === 1 && runs[0]!.first === runs[0]!.last;
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (!isOne && bytes > bytesOf(chunks) * this.limits.mostShare) return undefined;
    const isCheap = await this.tolerant(client, () => this.isCheap(client, source, chunks, runs, sizes));
    return isCheap === true ? runs : undefined;
  }

  private runsOf(chunks: BaseChunk[], places: KeyPlace[]): StaleRun[] {
    return staleRuns(
      chunks.map(({ bytes }) => bytes),
      places,
    );
  }

  /**
   * Whether an index finds the rows of a run, in their order: else each run costs about as much as the whole. Runs cost
   * between what the smallest and what the largest does, by their size.
   */
  private async isCheap(
    client: ClientBase,
    source: RowSource,
    chunks: BaseChunk[],
    runs: StaleRun[],
    sizes: number[],
  ): Promise<boolean> {
    if (runs.length === 0 || this.limits.mostCost === Infinity) return true;
    const least = Math.min(...sizes);
    const most = Math.max(...sizes);
    const costOfSize = (size: number): Promise<number> =>
      costOf(client, { ...source, range: rangeOf(chunks, runs[sizes.indexOf(size)]!) });
    const small = await costOfSize(least);
    const large = most === least ? small : await costOfSize(most);
    const aByte = most === least ? 0 : (large - small) / (most - least);
    const cost = sizes.reduce((sum, size) => sum + small + aByte * (size - least), 0);
    return cost <= (await costOf(client, source)) * this.limits.mostCost;
  }

  /** Without a result when PostgreSQL refuses the statement, after which a whole reading can still go on. */
  private async tolerant<T>(client: ClientBase, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await inSavepoint(client, work);
    } catch (error) {
      if (!isPostgresError(error) || isInterruption(error)) throw error;
      return undefined;
    }
  }

  private async readRuns(
    client: ClientBase,
    { dataset, source }: BoundDataset,
    { chunks, runs, changed }: { chunks: BaseChunk[]; runs: StaleRun[]; changed: ChangedRows },
    maxRowBytes: number,
  ): Promise<(PartialContent & { chunks: BaseChunk[] }) | undefined> {
    const read = runs.map(() => [] as BaseChunk[]);
    const ranges = runs.map((run) => rangeOf(chunks, run));
    const batches = new ChunkBatches(this.store);
    const options = { maxRowBytes, markedCrcs: changed.crcs };
    try {
      for await (const { range, chunk } of readRanges(client, source, ranges, options)) {
        const { digest, rows, bytes, lastKey } = chunk;
        changed.take(chunk);
        read[range]!.push({ digest, rows, bytes, lastKey });
        await batches.add(chunk);
      }
      await batches.finish();
    } catch (error) {
      await batches.abandon();
      throw cannotBeRead(error, dataset, maxRowBytes);
    }
    const content = joinRuns(dataset.fingerprint, chunks, runs, read);
    return content && { dataset, ...content };
  }
}

/** The base with these chunks in the place of the runs; undefined where what follows a run was not cut behind its last row. */
function joinRuns(
  fingerprint: string,
  base: BaseChunk[],
  runs: StaleRun[],
  read: BaseChunk[][],
): ListedContent | undefined {
  const list = new ContentList(fingerprint);
  let next = 0;
  for (const [index, { first, last }] of runs.entries()) {
    for (const chunk of base.slice(next, first)) list.keep(chunk);
    for (const chunk of read[index]!) list.replace(chunk);
    if (last < base.length - 1 && list.lastKey !== base[last]!.lastKey) return undefined;
    next = last + 1;
  }
  for (const chunk of base.slice(next)) list.keep(chunk);
  return list.finish();
}

type ListedContent = Omit<PartialContent, 'dataset'> & { chunks: BaseChunk[] };

/** The chunks of a content, of which some are those of the base and some have been read. */
class ContentList {
  private readonly hasher: TableHasher;
  private readonly chunks: BaseChunk[] = [];
  private rowsRead = 0;
  private bytesRead = 0;

  constructor(fingerprint: string) {
    this.hasher = new TableHasher(fingerprint);
  }

  get lastKey(): string | undefined {
    return this.chunks.at(-1)?.lastKey;
  }

  keep(chunk: BaseChunk): void {
    this.hasher.add(chunk);
    this.chunks.push(chunk);
  }

  replace(chunk: BaseChunk): void {
    this.keep(chunk);
    this.rowsRead += chunk.rows;
    this.bytesRead += chunk.bytes;
  }

  finish(): ListedContent {
    const { chunks, rowsRead, bytesRead } = this;
    const digests = chunks.map(({ digest }) => digest);
    const lastKeys = chunks.map(({ lastKey }) => lastKey);
    return { ...this.hasher.finish(), chunks, digests, lastKeys, rowsRead, bytesRead };
  }
}

/** The notes of the values in a table that count for a dataset; undefined: each change of the table does. */
function valuesOf(relations: string[], table: string): number[] | undefined {
  if (relations.includes(table)) return undefined;
  return relations
    .filter((key) => key.startsWith(`${table}:`))
    .map((key) => Number(key.slice(table.length + 1)));
}

function rangeOf(chunks: BaseChunk[], { first, last }: StaleRun): KeyRange {
  return {
    after: first === 0 ? undefined : keyTexts(chunks[first - 1]!.lastKey),
    upTo: last === chunks.length - 1 ? undefined : keyTexts(chunks[last]!.lastKey),
  };
}

function bytesOf(chunks: BaseChunk[]): number {
  return chunks.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function costOf(client: ClientBase, source: RowSource): Promise<number> {
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: { 'Total Cost': number } }] }>(
    `EXPLAIN (FORMAT JSON) ${canonicalSelect(source)}`,
  );
  return rows[0]!['QUERY PLAN'][0].Plan['Total Cost'];
}
