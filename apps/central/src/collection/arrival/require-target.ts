import { RivuletError } from '@rivulet/errors';
import type { ClientBase } from 'pg';
import type { ActiveTask } from '../runs/task-queue';
import type { Position } from './positions';

/**
 * Requires that the schema still has the target of the run, and keeps it so until the end of the transaction. The position of
 * another target would be taken for that of this one.
 *
 * @throws RivuletError COLLECTION_TARGET_CHANGED
 */
export async function requireTarget(
  client: Pick<ClientBase, 'query'>,
  { schemaId, order }: ActiveTask,
): Promise<void> {
  const { rows } = await client.query(
    `SELECT FROM rivulet.collection_schemas
     WHERE schema_id = $1 AND target_table = $2 AND mode = $3 AND key = $4 FOR SHARE`,
    [schemaId, order.targetTable, order.mode, order.key],
  );
  if (rows.length === 0) throw changed(`Schema ${order.name} was replaced or deleted while the run went on.`);
}

/** Rows that begin above a watermark need those below it. @throws RivuletError COLLECTION_TARGET_CHANGED */
export function requireBeginning({ order, beganAfter }: ActiveTask, position: Position): void {
  if (beganAfter === null || position.watermark !== null) return;
  throw changed(
    `The target table ${order.targetTable} was made again, and the run has only the rows above ${beganAfter}.`,
  );
}

function changed(message: string): RivuletError {
  return new RivuletError('COLLECTION_TARGET_CHANGED', message);
}
