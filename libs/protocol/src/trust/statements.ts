import type { Acknowledgement } from '../messages/device-sync-messages';
import { MANIFEST_MAX_TABLES } from '../version/limits';
import { FieldReader, patterns } from '../json/field-reader';
import { statementReader } from './statement-reader';

/**
 * The `typ` of each signed statement (a compact JWS), which keeps one from passing for another. Those of a device are
 * signed by its key, the others by central's.
 */
export const statementTypes = {
  enrolment: 'rivulet-enrolment',
  assertion: 'rivulet-assertion',
  keyRotation: 'rivulet-key-rotation',
  nextKey: 'rivulet-next-key',
  deviceKey: 'rivulet-device-key',
  access: 'rivulet-access',
  centralKey: 'rivulet-central-key',
  centralKeyAccepted: 'rivulet-central-key-accepted',
  time: 'rivulet-time',
  current: 'rivulet-current',
  report: 'rivulet-report',
  configuration: 'rivulet-configuration',
} as const;

/** A device's statement of the key that it wants to be known by, signed with it. */
export interface EnrolmentProof {
  /** SHA-256 of the enrolment token, in hex; missing for a key that central has been told of. */
  tokenDigest?: string;
  macAddress: string;
  /** The device's name for itself. */
  name?: string;
  /** Comes back in the answer. */
  nonce: string;
}

/** Central's word that a key is a device's. */
export interface DeviceKeyStatement {
  /** The central that signs this. */
  centralId: string;
  deviceId: string;
  macAddress: string;
  /** RFC 7638, of the device's key. */
  thumbprint: string;
  nonce: string;
  /** By central's clock, RFC 3339. */
  issuedAt: string;
}

/** A device's assertion for an access token (after RFC 7523). Times are seconds since 1970 by central's clock. */
export interface Assertion {
  /** The device's id. */
  iss: string;
  /** Central's id. */
  aud: string;
  jti: string;
  iat: number;
  exp: number;
  /** Higher than in each assertion before: two devices with one key are found by it. */
  counter: number;
}

/** Central's time. */
export interface TimeStatement {
  centralId: string;
  nonce: string;
  issuedAt: string;
}

/** Central's word that a device has all that it may have, at the moment of this answer. */
export interface CurrentStatement {
  macAddress: string;
  /** The request's nonce. */
  nonce: string;
  /** The manifest that the device has. */
  manifestId: string;
  /** Whether central has the device's report that it applied the manifest; a central of before does not say. */
  reported?: boolean;
  issuedAt: string;
}

export type SignedReport = Pick<Acknowledgement, 'manifestId' | 'status' | 'finishedAt' | 'tables'> & {
  deviceId: string;
};

/** The readers below throw ShapeError. */
export function readEnrolmentProof(json: string): EnrolmentProof {
  const fields = statementReader(json);
  const tokenDigest = fields.optionalText('tokenDigest', patterns.sha256, 'a SHA-256 in hex');
  const name = fields.optionalText(
    'name',
    /^[^\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]{1,100}$/u,
    '1 to 100 characters',
  );
  return {
    ...(tokenDigest === undefined ? {} : { tokenDigest }),
    macAddress: fields.text('macAddress'),
    ...(name === undefined ? {} : { name }),
    nonce: fields.text('nonce', patterns.nonce, 'a nonce'),
  };
}

export function readDeviceKeyStatement(json: string): DeviceKeyStatement {
  const fields = statementReader(json);
  return {
    centralId: fields.text('centralId'),
    deviceId: fields.text('deviceId', patterns.ulid, 'a ULID'),
    macAddress: fields.text('macAddress'),
    thumbprint: fields.text('thumbprint', patterns.thumbprint, 'a thumbprint'),
    nonce: fields.text('nonce', patterns.nonce, 'a nonce'),
    issuedAt: fields.text('issuedAt', patterns.timestamp, 'a UTC timestamp'),
  };
}

export function readAssertion(json: string): Assertion {
  const fields = statementReader(json);
  return {
    iss: fields.text('iss', patterns.ulid, 'a ULID'),
    aud: fields.text('aud'),
    jti: fields.text('jti', patterns.nonce, '16 to 64 characters of base64url'),
    iat: fields.count('iat'),
    exp: fields.count('exp'),
    counter: fields.count('counter'),
  };
}

export function readTimeStatement(json: string): TimeStatement {
  const fields = statementReader(json);
  return {
    centralId: fields.text('centralId'),
    nonce: fields.text('nonce', patterns.nonce, 'a nonce'),
    issuedAt: fields.text('issuedAt', patterns.timestamp, 'a UTC timestamp'),
  };
}

export function readCurrentStatement(json: string): CurrentStatement {
  const fields = statementReader(json);
  const reported = fields.optionalFlag('reported');
  return {
    macAddress: fields.text('macAddress'),
    nonce: fields.text('nonce', patterns.nonce, 'a nonce'),
    manifestId: fields.text('manifestId', patterns.ulid, 'a ULID'),
    ...(reported === undefined ? {} : { reported }),
    issuedAt: fields.text('issuedAt', patterns.timestamp, 'a UTC timestamp'),
  };
}

/** Reads the acknowledgement that a device has signed, with its ID. */
export function readReport(json: string): SignedReport {
  const fields = statementReader(json);
  return {
    deviceId: fields.text('deviceId', patterns.ulid, 'a ULID'),
    manifestId: fields.text('manifestId', patterns.ulid, 'a ULID'),
    status: fields.text('status', /^(applied|failed)$/, '`applied` or `failed`') as SignedReport['status'],
    finishedAt: fields.text('finishedAt'),
    tables: fields.list('tables', MANIFEST_MAX_TABLES, (item, path) => {
      const table = new FieldReader(item, path);
      return {
        name: table.text('name'),
        rows: table.count('rows'),
        checksum: table.text('checksum', patterns.sha256, 'a SHA-256 in hex'),
      };
    }),
  };
}
