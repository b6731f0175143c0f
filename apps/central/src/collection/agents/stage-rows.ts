import { RivuletError } from '@rivulet/errors';
import { createStaging, openMirror } from '@rivulet/mirror';
import {
  applyMirrors,
  copyIn,
  inTransaction,
  isPostgresError,
  useCanonicalSettings,
  withClient,
} from '@rivulet/postgres';
import {
  COLLECTION_MAX_CHUNKS,
  COLLECTION_ROW_MAX_BYTES,
  encodeBlock,
  RowError,
  schemaFingerprint,
  TableHasher,
  type Chunk,
  type Column,
  type Frame,
} from '@rivulet/protocol';
import { collectedRowFailure, describeQuery, readChunks, type DescribedColumn } from '@rivulet/snapshot';
import { escapeIdentifier, type ClientBase } from 'pg';
import type { ArrivedChunks } from '../arrival/arrived-chunks';
import { typesOfTarget } from '../arrival/target-table';
import type { CollectionDatabase } from '../collection-database';
import { TARGET_SCHEMA } from '../definitions/collection-schema';
import type { RunOrder } from '../runs/collection-run';
import type { ActiveTask, StoredOffer } from '../runs/task-queue';
import type { AgentColumn } from './read-data';

/** Chunks that are stored with one statement: about a mebibyte. */
const CHUNKS_AT_ONCE = 16;
const LOCK_TIMEOUT_MS = 10_000;

export interface SentRows {
  /** In the order of the values. */
  columns: AgentColumn[];
  /** As COPY reads it. */
  content: AsyncIterable<Buffer>;
}

/**
 * Does for an agent what an edge does by itself: PostgreSQL reads the values by their types, and the rows become chunks in
 * the order of the key. From here on nothing tells them from those that an edge has sent.
 *
 * @returns the offer, whose chunks are stored
 * @throws RivuletError COLLECTION_OFFER_INVALID · DATASET_KEY_NULL · DATASET_KEY_NOT_UNIQUE · ROW_TOO_LARGE
 */
export async function stageRows(
  database: CollectionDatabase,
  chunks: ArrivedChunks,
  task: ActiveTask,
  sent: SentRows,
  timeoutMs: number,
): Promise<StoredOffer> {
  return withClient(database.pool, (client) =>
    inTransaction(client, applyMirrors(timeoutMs, LOCK_TIMEOUT_MS), async () => {
      await useCanonicalSettings(client);
      const { columns, described } = await refusable(task, () => load(client, task.order, sent));
      const source = { boundQuery: 'SELECT * FROM pg_temp.rivulet_rows', columns: described };
      const { key, name } = task.order;
      const gathering = new Gathering(schemaFingerprint({ name, columns, key }), (frames) =>
        chunks.add(task.runId, task.deviceId, frames),
      );
      await refusable(task, async () => {
        const read = readChunks(
          client,
          { ...source, keyColumns: key.length },
          { maxRowBytes: COLLECTION_ROW_MAX_BYTES },
        );
        for await (const chunk of read) await gathering.add(chunk);
      });
      return gathering.finish(columns);
    }),
  );
}

/** Loads the rows into `rivulet_rows`, whose columns are those of the offer. */
async function load(
  client: ClientBase,
  order: RunOrder,
  { columns: sentColumns, content }: SentRows,
): Promise<{ columns: Column[]; described: DescribedColumn[] }> {
  const wanted = await withTypes(client, order, sentColumns);
  const { key, name, targetTable: table } = order;
  const shape = { name, schema: TARGET_SCHEMA, table, columns: wanted, key };
  await createStaging(client, await openMirror(client, shape), 'rivulet_rows');
  const list = sentColumns.map((column) => escapeIdentifier(column.name)).join(', ');
  await copyIn(client, `COPY pg_temp.rivulet_rows (${list}) FROM STDIN`, content);
  const template = { texts: ['SELECT * FROM pg_temp.rivulet_rows'], parameters: [] };
  const described = await describeQuery(client, template, new Map());
  for (const [index, { name: column, type, refusal, sortedAlike }] of described.entries()) {
    if (refusal !== undefined) throw invalid(`column ${column} cannot be collected: ${refusal}`);
    if (index < key.length && !sortedAlike)
      throw invalid(`column ${column} of type ${type} cannot be in a key`);
  }
  return { columns: described.map(({ name: column, type }) => ({ name: column, type })), described };
}

/** Those of the key first. */
async function withTypes(
  client: ClientBase,
  { key, targetTable }: RunOrder,
  sent: AgentColumn[],
): Promise<Column[]> {
  const names = sent.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw invalid('two columns have one name');
  const absent = key.find((name) => !names.includes(name));
  if (absent !== undefined) throw invalid(`there is no column ${absent}, which is in the key`);
  const known = sent.every(({ type }) => type !== undefined)
    ? new Map<string, string>()
    : await typesOfTarget(client, targetTable);
  const columns = sent.map(({ name, type = known.get(name) }) => {
    if (type !== undefined) return { name, type };
    throw invalid(`column ${name} needs a type, as ${TARGET_SCHEMA}.${targetTable} does not have it yet`);
  });
  return [
    ...key.map((name) => columns.find((column) => column.name === name)!),
    ...columns.filter(({ name }) => !key.includes(name)),
  ];
}

/** The chunks of an offer, on their way to central's tables. */
class Gathering {
  private readonly hasher: TableHasher;
  private readonly digests: Buffer[] = [];
  private frames: Frame[] = [];

  constructor(
    fingerprint: string,
    private readonly store: (frames: Frame[]) => Promise<void>,
  ) {
    this.hasher = new TableHasher(fingerprint);
  }

  async add(chunk: Chunk): Promise<void> {
    const { content, digest, rows, bytes: contentBytes } = chunk;
    const number = this.digests.length;
    if (number >= COLLECTION_MAX_CHUNKS) throw invalid(`there are more than ${COLLECTION_MAX_CHUNKS} chunks`);
    const { encoding, block } = encodeBlock(content);
    const size = { rows, contentBytes, blockBytes: block.length };
    this.frames.push({ header: { kind: 'chunk', table: 0, number, digest, encoding, ...size }, block });
    this.digests.push(digest);
    this.hasher.add(chunk);
    if (this.frames.length >= CHUNKS_AT_ONCE) await this.flush();
  }

  async finish(columns: Column[]): Promise<StoredOffer> {
    await this.flush();
    return { columns, ...this.hasher.finish(), digests: Buffer.concat(this.digests).toString('base64') };
  }

  private async flush(): Promise<void> {
    if (this.frames.length > 0) await this.store(this.frames);
    this.frames = [];
  }
}

async function refusable<T>({ order }: ActiveTask, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RowError) throw collectedRowFailure(order.name, error);
    if (error instanceof RivuletError && error.code === 'SCHEMA_UNSUPPORTED')
      throw invalid(error.message.replace(/\.$/, ''), error);
    if (!isPostgresError(error) || !/^(0A|22|23|42|54)/.test(error.code)) throw error;
    throw invalid(`PostgreSQL does not take the rows: ${error.message}`, error);
  }
}

function invalid(reason: string, cause?: unknown): RivuletError {
  return new RivuletError('COLLECTION_OFFER_INVALID', `The rows cannot be collected: ${reason}.`, { cause });
}
