const KiB = 1024;
const MiB = 1024 * KiB;

/** Bytes of canonical rows that a chunk has on average. See docs/adr/0003 for how it was chosen. */
export const CHUNK_TARGET_BYTES = 64 * KiB;

/** A chunk is never larger than this, unless it is a single row. */
export const CHUNK_MAX_BYTES = 256 * KiB;

/** The largest canonical row that is carried, LF included. */
export const ROW_MAX_BYTES = 16 * MiB;

/** The largest block a frame may hold: a row of the largest size that does not compress. */
export const BLOCK_MAX_BYTES = ROW_MAX_BYTES;

/** Tables in one manifest. */
export const MANIFEST_MAX_TABLES = 1_000;

/** Columns in one table: PostgreSQL's own limit. */
export const TABLE_MAX_COLUMNS = 1_600;
