import { patterns } from '../json/field-reader';
import { statementReader } from './statement-reader';
import { readAssertion, type Assertion } from './statements';

/** A device's statement, signed with its key, that names the key to take its place. */
export interface KeyRotation extends Assertion {
  /** A statement of type `rivulet-next-key`, signed with that other key: NextKeyProof. */
  nextKey: string;
}

/** Shows that whoever names a key has it. */
export interface NextKeyProof {
  deviceId: string;
  centralId: string;
  /** RFC 7638, of the key that it is to replace. */
  replaces: string;
  /** Comes back in the answer. */
  nonce: string;
}

/** The word of a key of central that another one follows it. */
export interface CentralKeyStatement extends CentralKeyAccepted {
  /** RFC 7638, of the key that follows. */
  thumbprint: string;
  /** A statement of type `rivulet-central-key-accepted`, signed with that key: CentralKeyAccepted. */
  accepted: string;
  issuedAt: string;
}

/** The word of a key of central that it follows another one. */
export interface CentralKeyAccepted {
  centralId: string;
  /** The number of the next key of this central; the first key has 1. */
  number: number;
  /** RFC 7638. */
  replaces: string;
}

/** The readers throw ShapeError. */
export function readKeyRotation(json: string): KeyRotation {
  return { ...readAssertion(json), nextKey: statementReader(json).text('nextKey') };
}

export function readNextKeyProof(json: string): NextKeyProof {
  const fields = statementReader(json);
  return {
    deviceId: fields.text('deviceId', patterns.ulid, 'a ULID'),
    centralId: fields.text('centralId'),
    replaces: fields.text('replaces', patterns.thumbprint, 'a thumbprint'),
    nonce: fields.text('nonce', patterns.nonce, 'a nonce'),
  };
}

export function readCentralKeyStatement(json: string): CentralKeyStatement {
  const fields = statementReader(json);
  return {
    ...readCentralKeyAccepted(json),
    thumbprint: fields.text('thumbprint', patterns.thumbprint, 'a thumbprint'),
    accepted: fields.text('accepted'),
    issuedAt: fields.text('issuedAt', patterns.timestamp, 'a UTC timestamp'),
  };
}

export function readCentralKeyAccepted(json: string): CentralKeyAccepted {
  const fields = statementReader(json);
  return {
    centralId: fields.text('centralId'),
    number: fields.count('number'),
    replaces: fields.text('replaces', patterns.thumbprint, 'a thumbprint'),
  };
}
