import { endsSession, isPostgresError, sqlState } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/protocol';
import type { DatabaseLease } from './database-lease';

/** Readers that use several mirrors in another order than ours; PostgreSQL ends one of the two. */
const DEADLOCK_DETECTED = '40P01';

/** Something that was made after the last look. */
const DEPENDENTS_EXIST = '2BP01';

/** "program_limit_exceeded": of what a mirror does, only an index has one. */
const INDEX_ROW_TOO_LARGE = '54000';

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
    case DEPENDENTS_EXIST:
      return new RivuletError('MIRROR_HAS_DEPENDENTS', `The edge's PostgreSQL refused: ${error.message}.`, {
        cause: error,
      });
    case INDEX_ROW_TOO_LARGE:
      return new RivuletError(
        'ROW_TOO_LARGE',
        `A row has more in the columns of a key or an index than one of PostgreSQL can take: ${error.message}.`,
        { cause: error, nextStep: 'Leave the large column out of the key or index in the datasets file.' },
      );
    case sqlState.lockNotAvailable:
    case DEADLOCK_DETECTED:
      return new RivuletError('MIRROR_BUSY', 'Another transaction holds a lock on a mirror.', {
        cause: error,
      });
    default:
      return new RivuletError('APPLY_FAILED', `The edge's PostgreSQL refused: ${error.message}.`, {
        cause: error,
      });
  }
}
