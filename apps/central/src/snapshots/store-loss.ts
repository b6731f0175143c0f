import { hasSqlState, sqlState } from '@rivulet/postgres';

/**
 * Something that should be stored is not: a chunk, a part of a list, a frame of a patch. Somebody has deleted it, restored
 * a part of the database, or it was collected in this moment.
 */
export class StoreLoss extends Error {
  override name = 'StoreLoss';
}

/** Whether what was relied on has gone since: it must be looked up, or read, again. */
export function isGone(error: unknown): boolean {
  return error instanceof StoreLoss || hasSqlState(error, sqlState.foreignKeyViolation);
}
