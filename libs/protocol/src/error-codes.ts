/**
 * Every error that Rivulet names. The code is stable and public: it stands in problem documents, in the
 * edge's log table and in docs/error-codes.md, which is checked against this list by a test.
 *
 * `meaning` says what has happened; `nextStep` is what the reader can do about it, unless the place that
 * raises the error knows better.
 */
export const errorCatalogue = {
  // What a caller got wrong
  REQUEST_INVALID: {
    title: 'The request is not valid',
    meaning: 'A field is missing, unknown, of the wrong type or out of range; `errors` names each one.',
    nextStep: 'Correct the named fields and send the request again.',
  },
  REQUEST_TOO_LARGE: {
    title: 'The request is too large',
    meaning: 'The body is larger than this route accepts.',
    nextStep: 'Send a smaller body.',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    title: 'The content type is not supported',
    meaning: 'The route reads JSON and the request carried something else.',
    nextStep: 'Send the body as application/json.',
  },
  METHOD_NOT_ALLOWED: {
    title: 'The method is not allowed here',
    meaning: 'The path exists, with another method.',
    nextStep: 'Use a method that the Allow header names.',
  },
  ROUTE_UNKNOWN: {
    title: 'There is nothing at this path',
    meaning: 'No route has this path.',
    nextStep: 'See /api/docs for the routes of this app.',
  },
  OPERATOR_LOCAL_ONLY: {
    title: 'Operators call from the same machine',
    meaning: 'A route for operators was called from another machine, or through a proxy.',
    nextStep: 'Call it on the machine that central runs on, at http://localhost.',
  },

  // Who the device is
  DEVICE_UNIDENTIFIED: {
    title: 'The device did not say who it is',
    meaning: 'A device route was called without the X-Device-Mac header.',
    nextStep: "Send the device's MAC address in the X-Device-Mac header.",
  },
  MAC_ADDRESS_INVALID: {
    title: 'The MAC address is not valid',
    meaning: 'The value is not a 48-bit address of one device in any usual notation.',
    nextStep: 'Send it as 48:b0:2d:e9:c3:b7, 48-b0-2d-e9-c3-b7, 48b0.2de9.c3b7 or 48b02de9c3b7.',
  },
  DEVICE_UNKNOWN: {
    title: 'The device is not known',
    meaning: "The datasets file's scope query finds no row for this MAC address.",
    nextStep: 'Register the device at central, or correct EDGE_MAC_ADDRESS on the device.',
  },
  DEVICE_INACTIVE: {
    title: 'The device is not active',
    meaning: 'The scope query finds the device, with is_active = false.',
    nextStep: 'Activate the device at central.',
  },
  PROTOCOL_UNSUPPORTED: {
    title: 'The protocol version is not supported',
    meaning: 'The device speaks a protocol version that this central does not.',
    nextStep: 'Bring central and edge to versions that share a protocol (docs/protocol.md).',
  },
  MANIFEST_UNKNOWN: {
    title: 'There is no such manifest for this device',
    meaning: 'The manifest does not exist, or it belongs to another device.',
    nextStep: 'Ask for a new manifest with POST /api/device-sync/request.',
  },
  MANIFEST_EXPIRED: {
    title: 'The manifest can no longer be served',
    meaning: 'Chunks that the manifest names are no longer stored.',
    nextStep: 'Ask for a new manifest with POST /api/device-sync/request.',
  },
  FRAMES_INVALID: {
    title: 'The frame ranges are not valid',
    meaning: 'The `frames` parameter is malformed, out of order or outside the plan.',
    nextStep: 'Send ranges as first-last, in ascending order, separated by commas: 0-99,120-140.',
  },

  // What the data owner must mend
  DATASETS_FILE_INVALID: {
    title: 'The datasets file is not valid',
    meaning: 'The file cannot be read, parsed or described by the source database.',
    nextStep:
      'Correct the file, or the tables, at the line that the message names; then reload the file, or start central.',
  },
  SCOPE_AMBIGUOUS: {
    title: 'The scope query is ambiguous',
    meaning: 'The scope query returned more than one row for one MAC address.',
    nextStep: 'Make the scope query return exactly one row per device.',
  },
  DATASET_QUERY_FAILED: {
    title: 'A dataset query failed',
    meaning: 'The source database refused or aborted the query of a dataset.',
    nextStep: 'Run the query by hand with the parameters of this device, and correct the datasets file.',
  },
  DATASET_KEY_NULL: {
    title: 'A dataset has a NULL in its key',
    meaning: 'A row cannot be identified, because a key column is NULL.',
    nextStep: 'Exclude such rows in the query, or choose key columns that are never NULL.',
  },
  DATASET_KEY_NOT_UNIQUE: {
    title: 'A dataset has two rows with one key',
    meaning: 'The key columns do not identify a row.',
    nextStep: 'Add a column to the key, or remove the duplicates in the query.',
  },
  ROW_TOO_LARGE: {
    title: 'A row is too large',
    meaning: 'One row is larger than CENTRAL_MAX_ROW_BYTES, or than a page or an index of the edge can hold.',
    nextStep: 'Leave the large column out of the dataset, or split it.',
  },

  // What heals itself
  SERVER_BUSY: {
    title: 'The server is busy',
    meaning: 'As much work as the server accepts at once is under way.',
    nextStep: 'Try again after the number of seconds in the Retry-After header.',
  },
  SHUTTING_DOWN: {
    title: 'The server is shutting down',
    meaning: 'The process has been asked to stop and takes no new work.',
    nextStep: 'Try again in a few seconds.',
  },
  DATABASE_UNAVAILABLE: {
    title: 'The database is not available',
    meaning: 'The database refused the connection or closed it, or takes no writes.',
    nextStep: 'Check that PostgreSQL runs and that the database URL is right; Rivulet reconnects by itself.',
  },
  CENTRAL_UNREACHABLE: {
    title: 'Central cannot be reached',
    meaning: 'The connection to central failed, stalled or broke off.',
    nextStep: 'Check EDGE_CENTRAL_URL and the network; the next cycle tries again and resumes the download.',
  },
  SYNC_IN_PROGRESS: {
    title: 'Another process is syncing this database',
    meaning: 'A sync cycle holds the lock of this database, in another process.',
    nextStep: 'Wait for that cycle to end, or stop the other edge process.',
  },
  MIRROR_BUSY: {
    title: 'A mirror is locked by a reader',
    meaning: 'The lock on a mirror was not granted in time.',
    nextStep: 'Nothing has changed; the next cycle tries again. End the long transaction if it persists.',
  },

  // What the edge refuses
  CENTRAL_RESPONSE_INVALID: {
    title: "Central's answer is not valid",
    meaning: 'The answer is not what docs/protocol.md promises.',
    nextStep: 'Check that EDGE_CENTRAL_URL is a Rivulet central of a compatible version.',
  },
  MANIFEST_INVALID: {
    title: 'The manifest is not valid',
    meaning: 'The manifest is malformed, or made for another device or request.',
    nextStep: 'Nothing was applied. Check for a proxy between edge and central.',
  },
  MANIFEST_SIGNATURE_INVALID: {
    title: "The manifest's signature is not valid",
    meaning: 'The manifest was not signed by the key that this edge trusts.',
    nextStep:
      'Nothing was applied. If central has a new key on purpose, set EDGE_CENTRAL_KEY to its thumbprint.',
  },
  MANIFEST_STALE: {
    title: 'The manifest is older than what is applied',
    meaning: 'The (epoch, sequence) of the manifest does not exceed the applied one.',
    nextStep: 'Nothing was applied. If central was restored from a backup, see docs/operations.md.',
  },
  SCHEMA_UNSUPPORTED: {
    title: 'The edge cannot hold this schema',
    meaning: 'The manifest needs a protocol version, a column type or a role that this edge does not have.',
    nextStep: 'Nothing was applied. Update the edge, or its PostgreSQL, to what the message names.',
  },
  FRAME_INVALID: {
    title: 'A frame of the payload is not valid',
    meaning:
      'A frame is truncated, malformed, does not have the digest it promises, or is a patch that does not fit the mirror.',
    nextStep: 'Nothing was applied; the next attempt fetches the frame again, or chunks in its place.',
  },
  LIMIT_EXCEEDED: {
    title: 'A limit was exceeded',
    meaning: 'An answer is larger than the edge takes, or a frame than EDGE_MAX_ROW_BYTES allows.',
    nextStep: 'Nothing was applied. Check for a proxy between edge and central, and the dataset at central.',
  },
  CHECKSUM_MISMATCH: {
    title: 'The rows written are not the rows promised',
    meaning: 'After writing, the mirror was read again and its checksum differs from the manifest.',
    nextStep: 'Everything was rolled back. Look for triggers, rules or type differences on the mirror.',
  },
  MIRROR_TABLE_CONFLICT: {
    title: 'The table already exists and is not a mirror',
    meaning: 'A dataset wants a name that an application on the device uses for something of its own.',
    nextStep: 'Rename that, or give the dataset another `table:` or `schema:` in the datasets file.',
  },
  MIRROR_HAS_DEPENDENTS: {
    title: 'Something on the device depends on a mirror',
    meaning: 'A mirror must change in a way that what applications have made of it would not survive.',
    nextStep: 'Nothing was applied. Drop or change what the message names, sync, then make it again.',
  },
  MIRROR_GUARDED: {
    title: 'A sync would delete too many rows',
    meaning: 'It would delete a larger share of a mirror than `guard:` in the datasets file allows.',
    nextStep:
      'Nothing was applied. If the rows are to go, confirm it with POST /api/sync/now and {"confirmDeletes": true}.',
  },
  DISK_FULL: {
    title: 'The disk is full',
    meaning: 'The download or the database has no room.',
    nextStep: 'Free the space that the message names; the next cycle resumes.',
  },
  APPLY_FAILED: {
    title: 'The manifest could not be applied',
    meaning: "The edge's database refused a statement.",
    nextStep: 'Everything was rolled back. The message has the reason that PostgreSQL gave.',
  },

  // What stops a start
  ENVIRONMENT_INVALID: {
    title: 'The environment is not valid',
    meaning: 'An environment variable has a value that the app cannot use.',
    nextStep: 'Correct the named variables and start again.',
  },
  PORT_TAKEN: {
    title: 'The port is taken',
    meaning: 'Another process listens on the port.',
    nextStep: 'Stop that process, or choose another port with the variable that the message names.',
  },
  DATABASE_FORBIDDEN: {
    title: 'The database role lacks a right',
    meaning: 'The role of the database URL may not do what the app needs at its start.',
    nextStep: 'Grant the role what docs/operations.md lists under "Your own PostgreSQL", and start again.',
  },
  DATABASE_NEWER: {
    title: 'The database is newer than this app',
    meaning: 'The database has migrations that this version does not know.',
    nextStep: 'Start a version that knows them, or restore the backup made before the upgrade.',
  },
  INTERNAL: {
    title: 'Something went wrong inside',
    meaning: 'An error that Rivulet does not know by name; the log has it, under the request id.',
    nextStep: 'Look for the request id in the log and report what it says.',
  },
} as const satisfies Record<string, { title: string; meaning: string; nextStep: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorCatalogue, value);
}
