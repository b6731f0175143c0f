import { RivuletError } from '@rivulet/errors';
import { inTransaction, isPostgresError, useCanonicalSettings } from '@rivulet/postgres';
import {
  COLLECTION_MAX_CHUNKS,
  COLLECTION_ROW_MAX_BYTES,
  RowError,
  type Chunk,
  type CollectionTask,
  type Column,
} from '@rivulet/protocol';
import {
  collectedRowFailure,
  describeQuery,
  parseWatermarkQuery,
  QueryTextError,
  readChunks,
  renderQuery,
  type DescribedColumn,
  type QueryTemplate,
} from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { bindWatermark } from './bind-watermark';
import { checkQuery } from './check-query';

export interface ReadingLimits {
  allow: readonly string[];
  timeoutMs: number;
}

/** The outcome for the rows of a task. */
export interface RowSink {
  begin(columns: Column[]): void;
  add(chunk: Chunk): Promise<void>;
}

/**
 * Runs the query of a task in one transaction, which is READ ONLY before the first row is read, and hands on its rows a
 * chunk at a time. One moment of the database.
 *
 * @throws RivuletError COLLECTION_NOT_ALLOWED · COLLECTION_QUERY_FAILED · COLLECTION_OFFER_INVALID ·
 *   DATASET_KEY_NULL · DATASET_KEY_NOT_UNIQUE · ROW_TOO_LARGE
 */
export async function readTask(
  client: ClientBase,
  task: CollectionTask,
  { allow, timeoutMs }: ReadingLimits,
  sink: RowSink,
): Promise<void> {
  const options = {
    isolation: 'REPEATABLE READ' as const,
    statementTimeoutMs: timeoutMs,
    lockTimeoutMs: 10_000,
    idleTimeoutMs: 60_000,
  };
  await explained(task, () =>
    inTransaction(client, options, async () => {
      await useCanonicalSettings(client);
      const { boundQuery, columns } = await prepare(client, task, allow);
      await client.query('SET TRANSACTION READ ONLY');
      sink.begin(columns.map(({ name, type }) => ({ name, type })));
      const source = { boundQuery, columns, keyColumns: task.key.length };
      let count = 0;
      for await (const chunk of readChunks(client, source, { maxRowBytes: COLLECTION_ROW_MAX_BYTES })) {
        if (++count > COLLECTION_MAX_CHUNKS)
          throw failed(`the query gives more than ${COLLECTION_MAX_CHUNKS} chunks of rows`);
        await sink.add(chunk);
      }
    }),
  );
}

/** Before its value is known, the watermark is NULL: the query that is checked differs from the one that runs in that alone. */
async function prepare(
  client: ClientBase,
  task: CollectionTask,
  allow: readonly string[],
): Promise<{ boundQuery: string; columns: DescribedColumn[] }> {
  const template = parseWatermarkQuery(task.query);
  const render = (value: string): QueryTemplate => ({
    texts: [renderQuery(template, () => value)],
    parameters: [],
  });
  const unbound = render('NULL');
  await checkQuery(client, unbound, allow);
  const described = await describeQuery(client, unbound, new Map());
  const columns = arrange(described, task.key);
  const [watermark] = task.watermark;
  if (watermark === undefined) return { boundQuery: unbound.texts[0]!, columns };
  const column = described.find(({ name }) => name === watermark.column);
  if (column === undefined) throw invalid(`it does not give the column ${watermark.column}, its watermark`);
  const bound = render(await bindWatermark(client, watermark, column.type));
  await checkQuery(client, bound, allow);
  return { boundQuery: bound.texts[0]!, columns };
}

/** Those of the key first. */
function arrange(described: DescribedColumn[], key: string[]): DescribedColumn[] {
  const names = described.map(({ name }) => name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw invalid(`it gives two columns ${repeated}`);
  const refused = described.find(({ refusal }) => refusal !== undefined);
  if (refused !== undefined) throw invalid(`column ${refused.name} cannot be collected: ${refused.refusal}`);
  const first = key.map((name) => {
    const column = described.find((candidate) => candidate.name === name);
    if (column === undefined) throw invalid(`it does not give the column ${name}, which is in the key`);
    if (!column.sortedAlike) throw invalid(`column ${name} of type ${column.type} cannot be in a key`);
    return column;
  });
  return [...first, ...described.filter((column) => !first.includes(column))];
}

async function explained(task: CollectionTask, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw explain(task, error);
  }
}

function explain({ name }: CollectionTask, error: unknown): unknown {
  if (error instanceof RowError) return collectedRowFailure(name, error);
  if (error instanceof QueryTextError) return failed(error.message, error);
  // Faults of the query itself, as opposed to a lost connection or a server that stops.
  if (isPostgresError(error) && !/^(08|57P|53)/.test(error.code)) return failed(error.message, error);
  return error;
}

function failed(reason: string, cause?: unknown): RivuletError {
  return new RivuletError('COLLECTION_QUERY_FAILED', `The query failed: ${reason.replace(/\.$/, '')}.`, {
    cause,
  });
}

function invalid(reason: string): RivuletError {
  return new RivuletError('COLLECTION_OFFER_INVALID', `The query cannot be collected: ${reason}.`);
}
