import { buildIndexes, type Arrangement } from '@rivulet/mirror';
import { RivuletError } from '@rivulet/errors';
import { freeMemory } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import type { SpoolFile } from '../spool/spool-file';
import type { SyncProgress } from '../state/sync-progress';
import type { TableTask } from './plan-tables';
import { writeTable, type WrittenTable } from './write-table';

export interface WriteOrder {
  /** One for each mirror of the arrangement, in its order. */
  tasks: TableTask[];
  spool: SpoolFile;
  progress: SyncProgress;
  signal: AbortSignal;
}

/** Does the tasks, in the open transaction. Tables that are kept are not in the answer. */
export async function writeTables(
  client: ClientBase,
  arrangement: Arrangement,
  order: WriteOrder,
): Promise<WrittenTable[]> {
  beginProgress(order);
  // Deferrable constraints of applications concern the mirrors as a whole, and these change one after the other.
  await client.query('SET CONSTRAINTS ALL DEFERRED');
  const written: WrittenTable[] = [];
  for (const [index, task] of order.tasks.entries()) {
    const mirror = arrangement.mirrors[index]!;
    if (task.action !== 'load' && !mirror.fits) throw changedMeanwhile(task);
    const done =
      task.action === 'keep' ? undefined : await writeTable(client, task, mirror, contentsOf(task, order));
    if (done !== undefined) written.push(done);
  }
  // PostgreSQL makes no index on a table with checks that are still to come.
  await client.query('SET CONSTRAINTS ALL IMMEDIATE');
  for (const [index, { table }] of order.tasks.entries()) {
    const done = written.find(({ task }) => task.table === table);
    await buildIndexes(client, arrangement.mirrors[index]!, done?.mirror);
  }
  return written;
}

function beginProgress({ tasks, spool, progress }: WriteOrder): void {
  const digests = tasks.flatMap((task) => task.frames.map(({ digest }) => digest));
  progress.phase = 'applying';
  progress.bytesDone = 0;
  progress.bytesTotal = spool.contentBytesOf(digests);
}

function changedMeanwhile({ table }: TableTask): RivuletError {
  return new RivuletError(
    'CHECKSUM_MISMATCH',
    `The columns of the mirror ${table.table} changed, or it was dropped, while this cycle was running.`,
  );
}

/** The contents of the table's frames, from the spool. One content is freed when the next is asked for. */
async function* contentsOf({ action, frames }: TableTask, order: WriteOrder): AsyncGenerator<Buffer, void> {
  for (const { digest } of frames) {
    order.signal.throwIfAborted();
    const content = await order.spool.read(digest);
    order.progress.bytesDone += content.length;
    yield content;
    if (action !== 'patch') freeMemory(content);
  }
}
