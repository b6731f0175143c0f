/**
 * The version of everything two parties must agree on byte by byte: canonical rows, where chunks end, the
 * checksums, the manifest, the frames and the patches. The golden vectors in test/vectors change only together
 * with it.
 *
 * History
 * - 1  first version
 */
export const PROTOCOL_VERSION = 1;
