/**
 * The version of everything two parties must agree on byte by byte: canonical rows, where chunks end, the
 * checksums, the manifest and the frames. The golden vectors in test/vectors change only together with it.
 *
 * History
 * - 1  first version
 */
export const PROTOCOL_VERSION = 1;
