import { RivuletError } from '@rivulet/errors';
import type { RowError } from '@rivulet/protocol';

const codes = {
  'key-null': 'DATASET_KEY_NULL',
  'key-not-unique': 'DATASET_KEY_NOT_UNIQUE',
  'row-too-large': 'ROW_TOO_LARGE',
  'row-incomplete': 'COLLECTION_QUERY_FAILED',
} as const;

/** The error for rows of a collected schema that cannot be cut into chunks. */
export function collectedRowFailure(schema: string, error: RowError): RivuletError {
  return new RivuletError(codes[error.problem], `Schema ${schema}: ${error.message}.`, { cause: error });
}
