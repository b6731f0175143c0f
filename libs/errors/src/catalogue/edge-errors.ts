import type { ErrorDescription } from './error-description';

export const edgeErrors = {
  EDGE_NOT_ENROLLED: {
    title: 'The device is not enrolled',
    meaning: 'The edge has a key that central does not know, and was given no enrolment token.',
    nextStep:
      'Have an operator of central make an enrolment token, set EDGE_ENROLMENT_TOKEN to it, and start the edge again.',
    transient: false,
  },
  EDGE_KEY_FIXED: {
    title: 'The edge cannot replace its key',
    meaning: 'The edge has no key of its own making: it was given one, or it runs in a trial without keys.',
    nextStep:
      'Put a new key into EDGE_DEVICE_KEY_FILE and give the edge an enrolment token for its MAC address; a trial needs none.',
    transient: false,
  },
  CENTRAL_REDIRECTED: {
    title: 'Central sends the edge elsewhere',
    meaning: 'The answer is a redirect. Central never redirects, and the edge follows nobody else.',
    nextStep: 'Set EDGE_CENTRAL_URL to the address of central itself; check for a proxy or a captive portal.',
    transient: false,
  },
  CENTRAL_TOO_SLOW: {
    title: 'Central answers too slowly',
    meaning: 'Bytes arrive, but for two minutes fewer than 200 a second.',
    nextStep: 'Check the network and for a proxy; the next attempt goes on where this one ended.',
    transient: true,
  },
  MIRRORS_STALE: {
    title: 'The rows are older than allowed',
    meaning: 'Central has not confirmed the rows of this edge for longer than EDGE_STALE_AFTER.',
    nextStep:
      'Look at lastResult and refusedAnswers in GET /api/sync/status: central is away, or someone holds answers back.',
    transient: true,
  },
  CENTRAL_CERTIFICATE_EXPIRED: {
    title: "Central's certificate has expired",
    meaning: 'The certificate of central has expired, or is not valid yet by the clock of the device.',
    nextStep: "Renew central's certificate, or set the clock of the device.",
    transient: false,
  },
  CENTRAL_CERTIFICATE_REVOKED: {
    title: "Central's certificate has been revoked",
    meaning: 'The certificate of central is on the list in EDGE_CENTRAL_CRL_FILE.',
    nextStep: 'Find out who answers in the place of central; if it is central, give it a new certificate.',
    transient: false,
  },
  CENTRAL_CERTIFICATE_UNTRUSTED: {
    title: "Central's certificate is not trusted",
    meaning:
      'The certificate of central has an issuer that the edge does not trust, or is for a different host.',
    nextStep:
      'Check EDGE_CENTRAL_URL and EDGE_CENTRAL_CA_FILE, and find out who answers in the place of central.',
    transient: false,
  },
  CENTRAL_KEY_UNKNOWN: {
    title: "The key of central's answer is not trusted",
    meaning: 'The answer is signed by a key other than the one that this edge trusts.',
    nextStep:
      'Nothing was applied. If central has a new key on purpose, set EDGE_CENTRAL_KEY to its thumbprint.',
    transient: false,
  },
  CENTRAL_KEY_RETIRED: {
    title: "The key of central's answer is a former one",
    meaning: 'The answer is signed by a key that central has replaced since.',
    nextStep: 'Nothing was applied; the edge asks again. If it goes on, see docs/operations.md.',
    transient: true,
  },
  CENTRAL_KEY_CHAIN_BROKEN: {
    title: "The chain of central's keys is broken",
    meaning: 'The statements of central do not lead from the trusted key to the one that signed the answer.',
    nextStep: 'Nothing was applied. Check for a proxy; otherwise set EDGE_CENTRAL_KEY to the new thumbprint.',
    transient: false,
  },
  ANSWER_SIGNATURE_INVALID: {
    title: "The signature of central's answer is not valid",
    meaning: 'The answer is malformed, of a different kind, or was changed on its way.',
    nextStep: 'Nothing was applied. Check for a proxy between edge and central.',
    transient: false,
  },
  ANSWER_UNSIGNED: {
    title: "Central's answer is not signed",
    meaning: 'The answer "current" has no signature of central.',
    nextStep:
      'Check for a proxy between edge and central. A central of an older version signs manifests only: update it.',
    transient: false,
  },
  ANSWER_MISMATCHED: {
    title: 'The parts of the answer do not belong together',
    meaning: 'The signed part of the answer is about a different manifest than the rest.',
    nextStep: 'Nothing was applied. Check for a proxy between edge and central.',
    transient: false,
  },
  ANSWER_REPLAYED: {
    title: "Central's answer belongs to a different request",
    meaning: 'The answer is signed by central, and repeats a nonce that is not that of the request.',
    nextStep: 'Nothing was applied. Someone between edge and central sends recorded answers.',
    transient: false,
  },
  ANSWER_FOREIGN: {
    title: "Central's answer is for a different device",
    meaning: 'The answer is signed by central, for a different device, or by a different central.',
    nextStep: 'Nothing was applied. Check for a proxy between edge and central.',
    transient: false,
  },
  CENTRAL_RESPONSE_INVALID: {
    title: "Central's answer is not valid",
    meaning: 'The response does not conform to docs/protocol.md.',
    nextStep: 'Check that EDGE_CENTRAL_URL is a Rivulet central of a compatible version.',
    transient: false,
  },
  MANIFEST_INVALID: {
    title: 'The manifest is not valid',
    meaning: 'The manifest is malformed, although central has signed it.',
    nextStep: 'Nothing was applied. Check for a proxy between edge and central.',
    transient: false,
  },
  MANIFEST_STALE: {
    title: 'The manifest is older than what is applied',
    meaning: 'The (epoch, sequence) of the manifest does not exceed the applied one.',
    nextStep: 'Nothing was applied. If central was restored from a backup, see docs/operations.md.',
    transient: false,
  },
  MANIFEST_SIGNATURE_INVALID: {
    title: "The manifest's signature is not valid",
    meaning: 'The manifest was changed on its way, or is no manifest that central has signed.',
    nextStep: 'Nothing was applied. Check for a proxy between edge and central.',
    transient: false,
  },
  MANIFEST_TOO_FAR_AHEAD: {
    title: 'The manifest is too far ahead',
    meaning: 'The (epoch, sequence) of the manifest is so high that hardly any could follow it.',
    nextStep:
      "Nothing was applied. Look at central's epoch and sequence: someone may have changed them by hand.",
    transient: false,
  },
  SCHEMA_UNSUPPORTED: {
    title: 'The edge cannot hold this schema',
    meaning:
      'The manifest requires a protocol version, a column type or a role that this edge does not have.',
    nextStep: 'Nothing was applied. Update the edge, or its PostgreSQL, to what the message names.',
    transient: false,
  },
  FRAME_INVALID: {
    title: 'A frame of the payload is not valid',
    meaning:
      'A frame is truncated or malformed, does not match its digest, or is a patch that does not fit the mirror.',
    nextStep: 'Nothing was applied; the next attempt downloads the frame again, or chunks instead.',
    transient: true,
  },
  LIMIT_EXCEEDED: {
    title: 'A limit was exceeded',
    meaning:
      'A response is larger than the edge accepts, or a frame is larger than EDGE_MAX_ROW_BYTES allows.',
    nextStep: 'Nothing was applied. Check for a proxy between edge and central, and the dataset at central.',
    transient: false,
  },
  CHECKSUM_MISMATCH: {
    title: 'The written rows do not match the manifest',
    meaning: 'The mirror was re-read after writing, and its checksum differs from the manifest.',
    nextStep: 'Everything was rolled back. Look for triggers, rules or type differences on the mirror.',
    transient: false,
  },
  MIRROR_TABLE_CONFLICT: {
    title: 'The table already exists and is not a mirror',
    meaning: 'A dataset needs a table name that an application on the device already uses.',
    nextStep:
      'Rename that object, or give the dataset a different `table:` or `schema:` in the datasets file.',
    transient: false,
  },
  MIRROR_HAS_DEPENDENTS: {
    title: 'Something on the device depends on a mirror',
    meaning: 'A mirror must change, and the change would drop dependent objects of applications.',
    nextStep: 'Nothing was applied. Drop or change the objects in the message, sync, then create them again.',
    transient: false,
  },
  MIRROR_REJECTS_ROWS: {
    title: 'A mirror rejects the rows',
    meaning:
      "A unique index, constraint, foreign key or trigger that was made on the device rejects the manifest's rows.",
    nextStep:
      'Nothing was applied. Drop or change what the message names, or correct the rows at the source.',
    transient: false,
  },
  MIRROR_GUARDED: {
    title: 'A sync would delete too many rows',
    meaning: 'The sync would delete a larger share of a mirror than `guard:` in the datasets file allows.',
    nextStep:
      'Nothing was applied. If the rows should be deleted, confirm it with POST /api/sync/now and {"confirmDeletes": true}.',
    transient: false,
  },
  DISK_FULL: {
    title: 'The disk is full',
    meaning: 'The disk has no space left for the download or the database.',
    nextStep: 'Free the space that the message names; the next cycle resumes.',
    transient: false,
  },
  LOCKS_EXHAUSTED: {
    title: 'The database has too few locks',
    meaning: 'PostgreSQL has no room for more locks: a sync needs several for each table that it changes.',
    nextStep: 'Raise max_locks_per_transaction to the number in the message, and restart that PostgreSQL.',
    transient: false,
  },
  APPLY_FAILED: {
    title: 'The manifest could not be applied',
    meaning: "The edge's database refused a statement.",
    nextStep: 'Everything was rolled back. The message has the reason from PostgreSQL.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
