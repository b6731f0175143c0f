import { createHash } from 'node:crypto';
import { FieldReader, patterns, ShapeError } from '../json/field-reader';
import { canonicalJson } from './canonical-json';

export const configurationNamePattern = /^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$/;

/** On the bus, followed by the name of a configuration that has changed. */
export const CONFIGURATIONS_TOPIC = 'configurations';

/** The name of a value on the bus that changes with a configuration, for agents that look instead of listening. */
export function configurationMark(name: string): string {
  return `configuration-mark.${name}`;
}

/** Central's signed statement of the configuration that a device is to have, of type `rivulet-configuration`. */
export interface ConfigurationStatement {
  /** The configuration's name. */
  name: string;
  /** For whom it is. */
  deviceId: string;
  version: number;
  /** Life of central's database, as in manifests. */
  epoch: number;
  /** Rises with each statement of other content for this device, also where an older version comes back. */
  sequence: number;
  /** The hash of the canonical JSON of `data`, in hex. */
  sha256: string;
  pollIntervalSeconds: number;
  /** By central's clock, RFC 3339. */
  issuedAt: string;
  data: unknown;
}

/** @returns SHA-256 of the canonical JSON, in hex */
export function configurationDigest(data: unknown): string {
  return createHash('sha256').update(canonicalJson(data), 'utf8').digest('hex');
}

/** @throws ShapeError, also where the digest is not that of the data */
export function readConfigurationStatement(json: string): ConfigurationStatement {
  const document = parse(json);
  const fields = new FieldReader(document, '');
  const statement: ConfigurationStatement = {
    name: fields.text('name', configurationNamePattern, 'the name of a configuration'),
    deviceId: fields.text('deviceId', patterns.ulid, 'a ULID'),
    version: fields.count('version'),
    epoch: fields.count('epoch'),
    sequence: fields.count('sequence'),
    sha256: fields.text('sha256', patterns.sha256, 'a SHA-256 in hex'),
    pollIntervalSeconds: fields.count('pollIntervalSeconds'),
    issuedAt: fields.text('issuedAt', patterns.timestamp, 'a UTC timestamp'),
    data: (document as { data?: unknown }).data,
  };
  if (statement.data === undefined) throw new ShapeError('data is missing');
  if (configurationDigest(statement.data) !== statement.sha256)
    throw new ShapeError('sha256 is not the digest of data');
  return statement;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new ShapeError('the document is not JSON');
  }
}
