import type { ErrorDescription } from './error-description';

export const edgeErrors = {
  CENTRAL_RESPONSE_INVALID: {
    title: "Central's answer is not valid",
    meaning: 'The answer is not what docs/protocol.md promises.',
    nextStep: 'Check that EDGE_CENTRAL_URL is a Rivulet central of a compatible version.',
    transient: false,
  },
  MANIFEST_INVALID: {
    title: 'The manifest is not valid',
    meaning: 'The manifest is malformed, or made for another device or request.',
    nextStep: 'Nothing was applied. Check for a proxy between edge and central.',
    transient: false,
  },
  MANIFEST_SIGNATURE_INVALID: {
    title: "The manifest's signature is not valid",
    meaning: 'The manifest was not signed by the key that this edge trusts.',
    nextStep:
      'Nothing was applied. If central has a new key on purpose, set EDGE_CENTRAL_KEY to its thumbprint.',
    transient: false,
  },
  MANIFEST_STALE: {
    title: 'The manifest is older than what is applied',
    meaning: 'The (epoch, sequence) of the manifest does not exceed the applied one.',
    nextStep: 'Nothing was applied. If central was restored from a backup, see docs/operations.md.',
    transient: false,
  },
  SCHEMA_UNSUPPORTED: {
    title: 'The edge cannot hold this schema',
    meaning: 'The manifest needs a protocol version, a column type or a role that this edge does not have.',
    nextStep: 'Nothing was applied. Update the edge, or its PostgreSQL, to what the message names.',
    transient: false,
  },
  FRAME_INVALID: {
    title: 'A frame of the payload is not valid',
    meaning:
      'A frame is truncated, malformed, does not have the digest it promises, or is a patch that does not fit the mirror.',
    nextStep: 'Nothing was applied; the next attempt fetches the frame again, or chunks in its place.',
    transient: true,
  },
  LIMIT_EXCEEDED: {
    title: 'A limit was exceeded',
    meaning: 'An answer is larger than the edge takes, or a frame than EDGE_MAX_ROW_BYTES allows.',
    nextStep: 'Nothing was applied. Check for a proxy between edge and central, and the dataset at central.',
    transient: false,
  },
  CHECKSUM_MISMATCH: {
    title: 'The rows written are not the rows promised',
    meaning: 'After writing, the mirror was read again and its checksum differs from the manifest.',
    nextStep: 'Everything was rolled back. Look for triggers, rules or type differences on the mirror.',
    transient: false,
  },
  MIRROR_TABLE_CONFLICT: {
    title: 'The table already exists and is not a mirror',
    meaning: 'A dataset wants a name that an application on the device uses for something of its own.',
    nextStep: 'Rename that, or give the dataset another `table:` or `schema:` in the datasets file.',
    transient: false,
  },
  MIRROR_HAS_DEPENDENTS: {
    title: 'Something on the device depends on a mirror',
    meaning: 'A mirror must change in a way that what applications have made of it would not survive.',
    nextStep: 'Nothing was applied. Drop or change what the message names, sync, then make it again.',
    transient: false,
  },
  MIRROR_GUARDED: {
    title: 'A sync would delete too many rows',
    meaning: 'It would delete a larger share of a mirror than `guard:` in the datasets file allows.',
    nextStep:
      'Nothing was applied. If the rows are to go, confirm it with POST /api/sync/now and {"confirmDeletes": true}.',
    transient: false,
  },
  DISK_FULL: {
    title: 'The disk is full',
    meaning: 'The download or the database has no room.',
    nextStep: 'Free the space that the message names; the next cycle resumes.',
    transient: false,
  },
  APPLY_FAILED: {
    title: 'The manifest could not be applied',
    meaning: "The edge's database refused a statement.",
    nextStep: 'Everything was rolled back. The message has the reason that PostgreSQL gave.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
