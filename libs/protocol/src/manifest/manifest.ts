import { FieldReader, patterns, readText, ShapeError } from '../json/field-reader';
import { MANIFEST_MAX_TABLES, NAME_MAX_BYTES, TABLE_MAX_COLUMNS, TABLE_MAX_GRANTS } from '../version/limits';
import { PROTOCOL_VERSION } from '../version/protocol-version';
import { RivuletError } from '@rivulet/errors';
import {
  isReservedSchema,
  schemaFingerprint,
  schemaVersion,
  type Column,
  type TableSchema,
} from './table-schema';
import type { TableContent } from './table-checksum';

/** One table of a manifest: its schema and its content. */
export interface ManifestTable extends TableSchema, TableContent {
  /** The schema fingerprint, lower-case hex. */
  fingerprint: string;
}

/** The `typ` of a manifest's JWS, which tells it from everything else that central signs. */
export const MANIFEST_JWS_TYPE = 'rivulet-manifest';

/** The state that a device must reach. It is the payload of a JWS (RFC 7515) that central signs. */
export interface Manifest {
  protocolVersion: number;
  /** ULID. */
  manifestId: string;
  macAddress: string;
  /** Increases when central's database is restored from a backup. */
  epoch: number;
  /** Increases with each manifest of an epoch. Comes from central's database, never from a clock. */
  sequence: number;
  /** RFC 3339, UTC. Informational only. */
  issuedAt: string;
  /** The nonce of the request that this manifest answers. */
  nonce: string;
  schemaVersion: string;
  tables: ManifestTable[];
}

/**
 * Reads a manifest from the JSON text that the signature covers.
 *
 * @throws RivuletError MANIFEST_INVALID, naming the field · SCHEMA_UNSUPPORTED for a newer protocol
 */
export function parseManifest(json: string): Manifest {
  try {
    const fields = new FieldReader(JSON.parse(json), '');
    const protocolVersion = fields.count('protocolVersion');
    if (protocolVersion !== PROTOCOL_VERSION) {
      throw new RivuletError(
        'SCHEMA_UNSUPPORTED',
        `The manifest has protocol version ${protocolVersion}; this edge supports version ${PROTOCOL_VERSION}.`,
      );
    }
    const manifest: Manifest = {
      protocolVersion,
      manifestId: fields.text('manifestId', patterns.ulid, 'a ULID'),
      macAddress: fields.text('macAddress'),
      epoch: fields.count('epoch'),
      sequence: fields.count('sequence'),
      issuedAt: fields.text('issuedAt', patterns.timestamp, 'a UTC timestamp'),
      nonce: fields.text('nonce', patterns.nonce, 'a nonce'),
      schemaVersion: fields.text('schemaVersion', patterns.sha256, 'a SHA-256 in hex'),
      tables: fields.list('tables', MANIFEST_MAX_TABLES, readManifestTable),
    };
    checkTables(manifest);
    return manifest;
  } catch (error) {
    if (error instanceof RivuletError) throw error;
    const reason = error instanceof ShapeError ? error.message : 'it is not JSON';
    throw new RivuletError('MANIFEST_INVALID', `The manifest is not valid: ${reason}.`, { cause: error });
  }
}

function readManifestTable(item: unknown, path: string): ManifestTable {
  const fields = new FieldReader(item, path);
  const maxDeletedShare = fields.optionalShare('maxDeletedShare');
  return {
    name: fields.text('name'),
    schema: fields.text('schema'),
    table: fields.text('table'),
    columns: fields.list('columns', TABLE_MAX_COLUMNS, readColumn),
    key: fields.list('key', TABLE_MAX_COLUMNS, readText),
    indexes: fields.list('indexes', TABLE_MAX_COLUMNS, (index, indexPath) => {
      if (!Array.isArray(index)) throw new ShapeError(`${indexPath} is not a list`);
      return index.map((column, position) => readText(column, `${indexPath}[${position}]`));
    }),
    grants: fields.list('grants', TABLE_MAX_GRANTS, readText),
    onRemove: fields.text('onRemove', /^(keep|drop)$/, '`keep` or `drop`') as TableSchema['onRemove'],
    ...(maxDeletedShare === undefined ? {} : { maxDeletedShare }),
    fingerprint: fields.text('fingerprint', patterns.sha256, 'a SHA-256 in hex'),
    rows: fields.count('rows'),
    bytes: fields.count('bytes'),
    checksum: fields.text('checksum', patterns.sha256, 'a SHA-256 in hex'),
  };
}

function readColumn(item: unknown, path: string): Column {
  const fields = new FieldReader(item, path);
  return { name: fields.text('name'), type: fields.text('type') };
}

function checkTables(manifest: Manifest): void {
  for (const [index, table] of manifest.tables.entries()) {
    const names = table.columns.map((column) => column.name);
    const keyComesFirst =
      table.key.length > 0 && table.key.every((name, position) => names[position] === name);
    const indexesExist = table.indexes.every(
      (columns) => columns.length > 0 && columns.every((name) => names.includes(name)),
    );
    if (![table.name, table.schema, table.table, ...names, ...table.grants].every(isName)) {
      throw new ShapeError(`tables[${index}] has a name that is not of 1 to ${NAME_MAX_BYTES} bytes`);
    }
    if (isReservedSchema(table.schema)) {
      throw new ShapeError(`tables[${index}].schema is one that no mirror can be in`);
    }
    if (!keyComesFirst || !indexesExist || new Set(names).size !== names.length) {
      throw new ShapeError(`tables[${index}] has columns that do not fit its key or indexes`);
    }
    if (schemaFingerprint(table) !== table.fingerprint) {
      throw new ShapeError(`tables[${index}].fingerprint is not that of its columns`);
    }
  }
  const mirrors = new Set(manifest.tables.map(({ schema, table }) => JSON.stringify([schema, table])));
  const names = new Set(manifest.tables.map((table) => table.name));
  if (mirrors.size !== manifest.tables.length || names.size !== manifest.tables.length) {
    throw new ShapeError('tables has two entries for one table');
  }
  if (schemaVersion(manifest.tables) !== manifest.schemaVersion) {
    throw new ShapeError('schemaVersion is not that of the tables');
  }
}

/** PostgreSQL rejects empty names and NUL, and truncates longer names. */
function isName(text: string): boolean {
  return text !== '' && !text.includes('\0') && Buffer.byteLength(text) <= NAME_MAX_BYTES;
}

/** A position in the history of manifests. */
export interface ManifestPosition {
  epoch: number;
  sequence: number;
}

/** Whether `candidate` comes after `applied`. This alone decides whether a manifest may be applied (G2). */
export function isLater(candidate: ManifestPosition, applied: ManifestPosition): boolean {
  if (candidate.epoch !== applied.epoch) return candidate.epoch > applied.epoch;
  return candidate.sequence > applied.sequence;
}
