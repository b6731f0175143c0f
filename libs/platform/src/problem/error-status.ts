import type { ErrorCode } from '@rivulet/protocol';

/** The HTTP status of every error, in this one place: the domain does not know HTTP. */
export const errorStatus = {
  // What a caller got wrong
  REQUEST_INVALID: 400,
  REQUEST_TOO_LARGE: 413,
  MEDIA_TYPE_UNSUPPORTED: 415,
  METHOD_NOT_ALLOWED: 405,
  ROUTE_UNKNOWN: 404,

  // Who the device is
  DEVICE_UNIDENTIFIED: 401,
  MAC_ADDRESS_INVALID: 400,
  DEVICE_UNKNOWN: 404,
  DEVICE_INACTIVE: 403,
  PROTOCOL_UNSUPPORTED: 400,
  MANIFEST_UNKNOWN: 404,
  MANIFEST_EXPIRED: 410,
  FRAMES_INVALID: 400,

  // What the data owner must mend
  DATASETS_FILE_INVALID: 500,
  SCOPE_AMBIGUOUS: 500,
  DATASET_QUERY_FAILED: 500,
  DATASET_KEY_NULL: 500,
  DATASET_KEY_NOT_UNIQUE: 500,
  ROW_TOO_LARGE: 500,

  // What heals itself
  SERVER_BUSY: 503,
  SHUTTING_DOWN: 503,
  DATABASE_UNAVAILABLE: 503,
  CENTRAL_UNREACHABLE: 502,
  SYNC_IN_PROGRESS: 409,
  MIRROR_BUSY: 503,

  // What the edge refuses: central, behind it, answered wrongly
  CENTRAL_RESPONSE_INVALID: 502,
  MANIFEST_INVALID: 502,
  MANIFEST_SIGNATURE_INVALID: 502,
  MANIFEST_STALE: 502,
  FRAME_INVALID: 502,
  LIMIT_EXCEEDED: 502,

  // What the edge could not do
  SCHEMA_UNSUPPORTED: 500,
  CHECKSUM_MISMATCH: 500,
  MIRROR_TABLE_CONFLICT: 500,
  DISK_FULL: 507,
  APPLY_FAILED: 500,

  // What stops a start, and the rest
  ENVIRONMENT_INVALID: 500,
  PORT_TAKEN: 500,
  DATABASE_NEWER: 500,
  INTERNAL: 500,
} as const satisfies Record<ErrorCode, number>;
