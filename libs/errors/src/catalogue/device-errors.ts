import type { ErrorDescription } from './error-description';

export const deviceErrors = {
  DEVICE_UNIDENTIFIED: {
    title: 'The device is not identified',
    meaning: 'A device route was called without an access token of a device.',
    nextStep:
      'Enrol the device, as docs/operations.md describes; the edge then sends what is needed by itself.',
    transient: false,
  },
  CLIENT_CERTIFICATE_MISSING: {
    title: 'The client certificate is missing',
    meaning: 'A device called without an access token and without a client certificate.',
    nextStep: 'Set EDGE_TLS_CERT_FILE and EDGE_TLS_KEY_FILE on the device, or enrol it.',
    transient: false,
  },
  CLIENT_CERTIFICATE_EXPIRED: {
    title: 'The client certificate has expired',
    meaning: 'The client certificate of the device has expired, or is not valid yet.',
    nextStep: 'Renew the certificate of the device.',
    transient: false,
  },
  CLIENT_CERTIFICATE_REVOKED: {
    title: 'The client certificate has been revoked',
    meaning: 'The client certificate of the device is on the list of revoked ones.',
    nextStep: 'Issue a new certificate to the device, if it is to go on.',
    transient: false,
  },
  CLIENT_CERTIFICATE_UNTRUSTED: {
    title: 'The client certificate is not trusted',
    meaning: 'The client certificate has an unknown issuer, or came from a proxy that is not trusted.',
    nextStep: 'Check CENTRAL_CLIENT_CA, CENTRAL_CLIENT_CRL and CENTRAL_TRUSTED_PROXIES at central.',
    transient: false,
  },
  CLIENT_CERTIFICATE_UNKNOWN: {
    title: 'The client certificate is of no device',
    meaning: 'The client certificate names no device of the registry, or a name that several have.',
    nextStep: 'Register the device, or name its id in the certificate, as docs/operations.md describes.',
    transient: false,
  },
  CLIENT_CERTIFICATE_OUTDATED: {
    title: 'The client certificate is to be checked again',
    meaning: 'Central has reloaded its files of certificates since the connection was made.',
    nextStep: 'Connect again; an edge does that by itself.',
    transient: true,
  },
  MAC_ADDRESS_INVALID: {
    title: 'The MAC address is not valid',
    meaning: 'The value is not a 48-bit address of one device in any usual notation.',
    nextStep: 'Send it as 48:b0:2d:e9:c3:b7, 48-b0-2d-e9-c3-b7, 48b0.2de9.c3b7 or 48b02de9c3b7.',
    transient: false,
  },
  DEVICE_UNKNOWN: {
    title: 'The device is not known',
    meaning: "The datasets file's scope query finds no row for this MAC address.",
    nextStep: 'Register the device at central, or correct EDGE_MAC_ADDRESS on the device.',
    transient: false,
  },
  DEVICE_INACTIVE: {
    title: 'The device is not active',
    meaning: 'The scope query finds the device, with is_active = false.',
    nextStep: 'Activate the device at central.',
    transient: false,
  },
  ENROLMENT_INVALID: {
    title: 'The enrolment is not valid',
    meaning: 'The proof of the key is malformed, not signed by that key, or made for a different token.',
    nextStep: 'Check for a proxy between edge and central.',
    transient: false,
  },
  ENROLMENT_TOKEN_INVALID: {
    title: 'The enrolment token is not valid',
    meaning: 'The enrolment token is unknown, used up, expired or revoked.',
    nextStep: 'Have an operator make a new one: POST /api/enrolment-tokens.',
    transient: false,
  },
  ENROLMENT_TOKEN_FOREIGN: {
    title: 'The enrolment token is for a different device',
    meaning: 'The enrolment token is bound to a MAC address that is not that of this device.',
    nextStep: 'Use the token on the device that it was made for, or have one made for this device.',
    transient: false,
  },
  ENROLMENT_TOKEN_UNKNOWN: {
    title: 'There is no such enrolment token',
    meaning: 'No enrolment token has this id.',
    nextStep: 'Look it up with GET /api/enrolment-tokens.',
    transient: false,
  },
  ASSERTION_INVALID: {
    title: 'The assertion is not valid',
    meaning:
      "The device's statement is malformed, its signature is invalid, or it is for a different central.",
    nextStep: 'Check for a proxy between edge and central, and that the edge was enrolled at this central.',
    transient: false,
  },
  ASSERTION_OUT_OF_TIME: {
    title: 'The assertion is not of now',
    meaning: "The time in the assertion differs from central's by more than a minute.",
    nextStep:
      "Ask GET /api/device-auth/time, and date the assertion by central's clock. The edge does so by itself.",
    transient: true,
  },
  ASSERTION_REPLAYED: {
    title: 'The assertion was used before',
    meaning: 'An assertion buys one access token, and this one has done so.',
    nextStep: 'Sign a new one. If the device did not send it twice, someone has recorded it.',
    transient: false,
  },
  SIGNATURE_ALGORITHM_REFUSED: {
    title: 'The signature has the wrong algorithm',
    meaning: 'The document is signed with an algorithm other than Ed25519, or not at all.',
    nextStep: 'Nobody who works for you signs in this way: look for who sends it.',
    transient: false,
  },
  ACCESS_TOKEN_INVALID: {
    title: 'The access token is not valid',
    meaning: 'The access token is malformed, was not issued by this central, or its device was deleted.',
    nextStep: 'Get a new one with POST /api/device-auth/token.',
    transient: false,
  },
  ACCESS_TOKEN_EXPIRED: {
    title: 'The access token has expired',
    meaning: 'The access token is older than CENTRAL_DEVICE_TOKEN_LIFE.',
    nextStep: 'Get a new one with POST /api/device-auth/token.',
    transient: false,
  },
  DEVICE_KEY_UNKNOWN: {
    title: 'The key is not known',
    meaning: 'No device of the registry has this key.',
    nextStep: 'Enrol the device: set EDGE_ENROLMENT_TOKEN to a token that an operator has made.',
    transient: false,
  },
  DEVICE_KEY_RETIRED: {
    title: 'The key is retired',
    meaning: 'A newer key has taken the place of this one, or an operator has ended it.',
    nextStep: 'Enrol the device again: set EDGE_ENROLMENT_TOKEN to a token that an operator has made for it.',
    transient: false,
  },
  KEY_ROTATION_INVALID: {
    title: 'The key cannot be replaced',
    meaning:
      'The device does not prove that it has the next key, signed for a different one, or the key belongs to another device.',
    nextStep: 'The key stays as it is. Check for a proxy between edge and central.',
    transient: false,
  },
  REPORT_UNSIGNED: {
    title: 'The report is not signed',
    meaning: 'A device with a key has sent a report without its signature.',
    nextStep: 'Update the edge.',
    transient: false,
  },
  REPORT_SIGNATURE_INVALID: {
    title: 'The signature of the report is not valid',
    meaning:
      "The report was signed by a different key than the device's, or says something else than what was signed.",
    nextStep: 'Check for a proxy between edge and central.',
    transient: false,
  },
  PROOF_UNKNOWN: {
    title: 'There is no proof',
    meaning: 'The device has signed no report of an applied manifest that central still keeps.',
    nextStep: 'Let the device sync with its key; a device of a trial has none.',
    transient: false,
  },
  DEVICE_PENDING: {
    title: 'The device waits for approval',
    meaning: "The device is in central's registry, and no operator has approved it yet.",
    nextStep: 'Approve the device at central; it asks again by itself.',
    transient: false,
  },
  DEVICE_REVOKED: {
    title: 'The device is revoked',
    meaning: "An operator has ended the device's access.",
    nextStep: 'Reinstate the device at central, or enrol it again under a new id.',
    transient: false,
  },
  DEVICE_QUARANTINED: {
    title: 'The device is quarantined',
    meaning: "The device's key was used by two devices, or by a copy of its disk, so neither is served.",
    nextStep:
      'Find the copy, give the right device a new key, and reinstate it at central (docs/operations.md).',
    transient: false,
  },
  DEVICE_NOT_REGISTERED: {
    title: 'No such device in the registry',
    meaning: "Central's registry has no device with this id.",
    nextStep: 'Look the device up with GET /api/devices.',
    transient: false,
  },
  DEVICE_MAC_TAKEN: {
    title: 'The MAC address is registered already',
    meaning: "A different device of central's registry has this MAC address.",
    nextStep: 'Delete that device first, or correct the address.',
    transient: false,
  },
  DEVICE_STATUS_CONFLICT: {
    title: 'The device is not in the right status for this',
    meaning: "The device's status does not allow the change.",
    nextStep: 'See the status of the device with GET /api/devices/{deviceId}.',
    transient: false,
  },
  PROTOCOL_UNSUPPORTED: {
    title: 'The protocol version is not supported',
    meaning: 'The device uses a protocol version that this central does not support.',
    nextStep: 'Update central and edge to versions that share a protocol version (docs/protocol.md).',
    transient: false,
  },
  MANIFEST_UNKNOWN: {
    title: 'There is no such manifest for this device',
    meaning: 'The manifest does not exist, or it belongs to another device.',
    nextStep: 'Request a new manifest with POST /api/device-sync/request.',
    transient: false,
  },
  MANIFEST_EXPIRED: {
    title: 'The manifest can no longer be served',
    meaning: 'Chunks that the manifest names are no longer stored.',
    nextStep: 'Request a new manifest with POST /api/device-sync/request.',
    transient: true,
  },
  CENTRAL_BEHIND: {
    title: 'The device is ahead of central',
    meaning:
      "The device has applied a manifest that central's database has not issued, as after a restore of an older backup.",
    nextStep:
      'Raise the epoch of a restored central (docs/operations.md, Restoring central); otherwise look for a second central.',
    transient: false,
  },
  FRAMES_INVALID: {
    title: 'The frame ranges are not valid',
    meaning: 'The `frames` parameter is malformed, out of order or outside the plan.',
    nextStep: 'Send ranges as first-last, in ascending order, separated by commas: 0-99,120-140.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
