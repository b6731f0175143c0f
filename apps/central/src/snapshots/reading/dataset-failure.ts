import { cureForReading, type Dataset } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import { formatByteSize } from '@rivulet/platform';
import { isInterruption, isConflict, isPostgresError } from '@rivulet/postgres';
import { RowError } from '@rivulet/protocol';

const RAISE_THE_LIMIT =
  'Leave the large column out of the dataset, or split it; or raise CENTRAL_MAX_ROW_BYTES here, and ' +
  'EDGE_MAX_ROW_BYTES on the devices.';

/** Says which dataset is to blame, and where in the file it stands. */
export function cannotBeRead(error: unknown, dataset: Dataset, maxRowBytes: number): unknown {
  const { name, key, place } = dataset.definition;
  const what = `${place}: dataset ${name}`;
  if (error instanceof RowError) return rowFailure(error, what, key.join(', '), maxRowBytes);
  if (!isPostgresError(error) || isInterruption(error)) return error;
  const message = `${what} cannot be read: ${error.message}.`;
  if (isConflict(error)) {
    return new RivuletError('SERVER_BUSY', message, { cause: error });
  }
  const nextStep = cureForReading(error);
  return new RivuletError('DATASET_QUERY_FAILED', message, {
    cause: error,
    ...(nextStep !== undefined && { nextStep }),
  });
}

function rowFailure(
  { key, problem }: RowError,
  what: string,
  columns: string,
  maxRowBytes: number,
): RivuletError {
  const shownKey = key.replaceAll('\t', ', ');
  switch (problem) {
    case 'key-null':
      return new RivuletError('DATASET_KEY_NULL', `${what} has a NULL in its key (${columns}): ${shownKey}.`);
    case 'key-not-unique':
      return new RivuletError(
        'DATASET_KEY_NOT_UNIQUE',
        `${what} has two rows with the key (${columns}) = ${shownKey}.`,
      );
    default:
      return new RivuletError(
        'ROW_TOO_LARGE',
        `${what} has a row of more than ${formatByteSize(maxRowBytes)} at (${columns}) = ${shownKey}.`,
        { nextStep: RAISE_THE_LIMIT },
      );
  }
}
