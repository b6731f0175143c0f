import { isInterruption, isPostgresError, sqlState, type PostgresError } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import type { MirrorPlace } from '@rivulet/mirror';
import type { DatabaseLease } from '../state/database-lease';
import { explainRejectedRows } from './explain-rejected-rows';

/** Turns a PostgreSQL error of the apply transaction into one of Rivulet's errors. */
export function explainApplyError(
  error: unknown,
  { lostBy }: DatabaseLease,
  mirrors: readonly MirrorPlace[],
): unknown {
  if (error instanceof RivuletError) return error;
  if (!isPostgresError(error)) return lostBy ?? error;
  if (isInterruption(error)) return error;
  return explainRejectedRows(error, mirrors) ?? explainRefusal(error, mirrors.length);
}

function explainRefusal(error: PostgresError, mirrors: number): RivuletError {
  switch (error.code) {
    case sqlState.diskFull:
      return new RivuletError('DISK_FULL', `The disk of the edge's database is full: ${error.message}.`, {
        cause: error,
      });
    // The only shared memory that a statement can use up is that of the locks; HINT names their setting.
    case sqlState.outOfMemory:
      if (!error.hint?.includes('max_locks_per_transaction')) break;
      return new RivuletError(
        'LOCKS_EXHAUSTED',
        `The edge's PostgreSQL has too few locks for a sync of ${mirrors} tables: ${error.message}. ` +
          `Set max_locks_per_transaction to ${locksFor(mirrors)} or more.`,
        { cause: error },
      );
    case sqlState.foreignKeyViolation:
      return new RivuletError(
        'MIRROR_HAS_DEPENDENTS',
        `Rows that left the dataset are still referenced on this device: ${error.message}.`,
        {
          cause: error,
          nextStep: 'Nothing was applied. Remove the rows that reference them, or the foreign key.',
        },
      );
    // An object that was created after the last check.
    case sqlState.dependentObjectsStillExist:
      return new RivuletError('MIRROR_HAS_DEPENDENTS', `The edge's PostgreSQL refused: ${error.message}.`, {
        cause: error,
      });
    // A row that does not fit into a page, or an entry that is too large for its index.
    case sqlState.programLimitExceeded:
      return tooLarge(error);
    case sqlState.lockNotAvailable:
    // A reader locked several mirrors in a different order; PostgreSQL ends one of the two transactions.
    case sqlState.deadlockDetected:
      return new RivuletError('MIRROR_BUSY', 'Another transaction holds a lock on a mirror.', {
        cause: error,
      });
    default:
  }
  return new RivuletError('APPLY_FAILED', `The edge's PostgreSQL refused: ${error.message}.`, {
    cause: error,
  });
}

/** PostgreSQL multiplies it with max_connections, 100 by default: enough for 25 locks a table. At least twice the default. */
function locksFor(mirrors: number): number {
  return Math.max(128, Math.ceil(mirrors / 4 / 64) * 64);
}

/** The function that reported the error tells which limit it is; the message may be in any language. */
function tooLarge(error: PostgresError): RivuletError {
  const { message, routine = '' } = error;
  const [problem, nextStep] = IN_A_PAGE.test(routine)
    ? [
        'A row has too many columns: it does not fit into a page of PostgreSQL, although long values are stored elsewhere',
        'Leave columns out of the dataset, or split it into two datasets with the same key.',
      ]
    : IN_AN_INDEX.test(routine)
      ? [
          'A row has more in the columns of a key or an index than a PostgreSQL index entry can hold',
          'Leave the large column out of the key or index in the datasets file.',
        ]
      : [
          "A value is larger than the edge's PostgreSQL can hold",
          'Leave the large column out of the dataset.',
        ];
  return new RivuletError('ROW_TOO_LARGE', `${problem}: ${message}.`, { cause: error, nextStep });
}

const IN_A_PAGE = /^(RelationGetBufferForTuple|raw_heap_insert)$/;
const IN_AN_INDEX = /^_bt_|^_hash_|index|gin|gist|brin|spg/i;
