import type { ErrorDescription } from './error-description';

export const datasetErrors = {
  DATASETS_FILE_INVALID: {
    title: 'The datasets file is not valid',
    meaning: 'The file cannot be read, parsed or described by the source database.',
    nextStep:
      'Correct the file, or the tables, at the line in the message; then reload the file, or start central.',
    transient: false,
  },
  SCOPE_AMBIGUOUS: {
    title: 'The scope query is ambiguous',
    meaning: 'The scope query returned more than one row for one MAC address.',
    nextStep: 'Make the scope query return exactly one row per device.',
    transient: false,
  },
  DATASET_QUERY_FAILED: {
    title: 'A dataset query failed',
    meaning: 'The source database refused or aborted the query of a dataset.',
    nextStep: 'Run the query by hand with the parameters of this device, and correct the datasets file.',
    transient: false,
  },
  DATASET_KEY_NULL: {
    title: 'A dataset has a NULL in its key',
    meaning: 'A row cannot be identified, because a key column is NULL.',
    nextStep: 'Exclude such rows in the query, or choose key columns that are never NULL.',
    transient: false,
  },
  DATASET_KEY_NOT_UNIQUE: {
    title: 'A dataset has two rows with one key',
    meaning: 'The key columns do not identify a row.',
    nextStep: 'Add a column to the key, or remove the duplicates in the query.',
    transient: false,
  },
  ROW_TOO_LARGE: {
    title: 'A row is too large',
    meaning: 'One row is larger than CENTRAL_MAX_ROW_BYTES, or than a page or an index of the edge can hold.',
    nextStep: 'Remove the large column from the dataset, or split it.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
