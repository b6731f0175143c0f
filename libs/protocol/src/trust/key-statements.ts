import { patterns } from '../json/field-reader';
import { statementReader } from './statement-reader';
import { readAssertion, type Assertion } from './statements';

/** What a device signs with its key to name the one that is to take its place. */
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
