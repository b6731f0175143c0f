/**
 * The version of everything that both sides must agree on byte by byte: canonical rows, chunk boundaries, checksums,
 * manifest, frames and patches. The golden vectors in test/vectors change only together with it.
 *
 * History
 * - 1  first version
 */
export const PROTOCOL_VERSION = 1;
