const KiB = 1024;
const MiB = 1024 * KiB;

// The first two decide where chunks end, so they change only together with PROTOCOL_VERSION.

/** Average size of a chunk in bytes of canonical rows. docs/adr/0002 says how it was chosen. */
export const CHUNK_TARGET_BYTES = 64 * KiB;

/** A chunk is never larger than this, unless it is a single row. */
export const CHUNK_MAX_BYTES = 256 * KiB;

/** Default limit for the size of a canonical row, LF included. */
export const ROW_MAX_BYTES = 16 * MiB;

/** Highest possible setting of that limit. docs/operations.md says what such a row requires. */
export const ROW_MAX_BYTES_CEILING = 256 * MiB;

/** Size of content after which a patch continues in the next frame. */
export const PATCH_TARGET_BYTES = 64 * KiB;

/** The largest content of a frame: a chunk, or a patch whose last row has the largest size. */
export function frameContentMaxBytes(rowMaxBytes: number): number {
  return Math.max(rowMaxBytes, CHUNK_MAX_BYTES) + 2 * PATCH_TARGET_BYTES;
}

/**
 * The largest window that a zstd block may require, as a power of two: 8 MiB. RFC 8878 (3.1.1.1.2) recommends that every
 * decoder supports it and allows decoders to refuse more.
 */
export const BLOCK_MAX_WINDOW_LOG = 23;

/** Maximum size of the name of a dataset, table or column in bytes of UTF-8. PostgreSQL truncates longer ones. */
export const NAME_MAX_BYTES = 63;

/** Maximum number of tables in a manifest. */
export const MANIFEST_MAX_TABLES = 1_000;

/** Maximum number of roles that may read a mirror. */
export const TABLE_MAX_GRANTS = 100;

/** Maximum number of columns in a table: PostgreSQL's own limit. */
export const TABLE_MAX_COLUMNS = 1_600;
