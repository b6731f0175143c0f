const KiB = 1024;
const MiB = 1024 * KiB;

// The first two decide where chunks end, so they change only together with PROTOCOL_VERSION.

/** Bytes of canonical rows that a chunk has on average. See docs/adr/0002 for how it was chosen. */
export const CHUNK_TARGET_BYTES = 64 * KiB;

/** A chunk is never larger than this, unless it is a single row. */
export const CHUNK_MAX_BYTES = 256 * KiB;

/** The largest canonical row that is carried, LF included, where nobody has set another limit. */
export const ROW_MAX_BYTES = 16 * MiB;

/** The highest that this limit can be set: see docs/operations.md for what such a row takes. */
export const ROW_MAX_BYTES_CEILING = 256 * MiB;

/** Content after which a patch goes on in another frame. */
export const PATCH_TARGET_BYTES = 64 * KiB;

/** The largest content that a frame may hold: a chunk, or a patch whose last row is of the largest size. */
export function frameContentMaxBytes(rowMaxBytes: number): number {
  return Math.max(rowMaxBytes, CHUNK_MAX_BYTES) + 2 * PATCH_TARGET_BYTES;
}

/**
 * The window that a zstd block may ask its reader to keep, as a power of two: 8 MiB, which RFC 8878 (3.1.1.1.2)
 * recommends every decoder to support and allows it to refuse more.
 */
export const BLOCK_MAX_WINDOW_LOG = 23;

/** Names of datasets, tables and columns, in bytes of UTF-8: PostgreSQL cuts longer ones short. */
export const NAME_MAX_BYTES = 63;

/** Tables in one manifest. */
export const MANIFEST_MAX_TABLES = 1_000;

/** Roles that may read one mirror. */
export const TABLE_MAX_GRANTS = 100;

/** Columns in one table: PostgreSQL's own limit. */
export const TABLE_MAX_COLUMNS = 1_600;
