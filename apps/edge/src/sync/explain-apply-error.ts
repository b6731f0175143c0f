import { endsSession, isPostgresError, sqlState, type PostgresError } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import type { DatabaseLease } from './database-lease';

/** Gives what PostgreSQL has refused in the apply transaction its name among Rivulet's errors. */
export function explainApplyError(error: unknown, { lostBy }: DatabaseLease): unknown {
  if (error instanceof RivuletError) return error;
  if (!isPostgresError(error)) return lostBy ?? error;
  if (endsSession(error)) return error;
  switch (error.code) {
    case sqlState.diskFull:
      return new RivuletError('DISK_FULL', `The disk of the edge's database is full: ${error.message}.`, {
        cause: error,
      });
    case sqlState.foreignKeyViolation:
      return new RivuletError(
        'MIRROR_HAS_DEPENDENTS',
        `Rows that the manifest no longer has are still referred to on this device: ${error.message}.`,
        {
          cause: error,
          nextStep: 'Nothing was applied. Remove the rows that refer to them, or the foreign key.',
        },
      );
    // Something that was made after the last look.
    case sqlState.dependentObjectsStillExist:
      return new RivuletError('MIRROR_HAS_DEPENDENTS', `The edge's PostgreSQL refused: ${error.message}.`, {
        cause: error,
      });
    // A row that no page can hold, or an entry that is too large for its index.
    case sqlState.programLimitExceeded:
      return tooLarge(error);
    case sqlState.lockNotAvailable:
    // Readers that use several mirrors in another order than ours; PostgreSQL ends one of the two.
    case sqlState.deadlockDetected:
      return new RivuletError('MIRROR_BUSY', 'Another transaction holds a lock on a mirror.', {
        cause: error,
      });
    default:
      return new RivuletError('APPLY_FAILED', `The edge's PostgreSQL refused: ${error.message}.`, {
        cause: error,
      });
  }
}

/** PostgreSQL says which limit it is by the function that found it, as its message may be in any language. */
function tooLarge(error: PostgresError): RivuletError {
  const { message, routine = '' } = error;
  const [problem, nextStep] = IN_A_PAGE.test(routine)
    ? [
        'A row has so many columns that it does not fit into a page of PostgreSQL, though long values are kept apart',
        'Leave columns out of the dataset, or make two datasets of it with the same key.',
      ]
    : IN_AN_INDEX.test(routine)
      ? [
          'A row has more in the columns of a key or an index than one of PostgreSQL can take',
          'Leave the large column out of the key or index in the datasets file.',
        ]
      : [
          "A value is larger than the edge's PostgreSQL can take",
          'Leave the large column out of the dataset.',
        ];
  return new RivuletError('ROW_TOO_LARGE', `${problem}: ${message}.`, { cause: error, nextStep });
}

const IN_A_PAGE = /^(RelationGetBufferForTuple|raw_heap_insert)$/;
const IN_AN_INDEX = /^_bt_|^_hash_|index|gin|gist|brin|spg/i;
