import { sqlState, type PostgresError } from '@rivulet/postgres';

const READS_ONLY =
  'A dataset only reads: take what writes out of its query, and out of the functions that it calls.';

const NOT_UTF8 =
  'The bytes of a text are not valid, which the encoding of the source database allows: `npm run datasets -- check` names the row. ' +
  'Correct the row, or convert the column in the query.';

const TOO_MANY_LOCKS =
  'A statement locks each partition, and each index of it, that it may read. Compare the partition key with constants, or raise ' +
  "max_locks_per_transaction of the source's server.";

/** The next step when a query fails on the rows of the source; undefined where none is known. */
export function cureForReading({ code, hint }: PostgresError): string | undefined {
  if (code === sqlState.outOfMemory && hint?.includes('max_locks_per_transaction')) return TOO_MANY_LOCKS;
  if (code === sqlState.readOnlyTransaction) return READS_ONLY;
  const isEncoding = code === sqlState.characterNotInRepertoire || code === sqlState.untranslatableCharacter;
  return isEncoding ? NOT_UTF8 : undefined;
}
