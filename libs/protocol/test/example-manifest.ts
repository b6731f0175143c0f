import type { Manifest, ManifestTable } from '../src/manifest/manifest';
import { PROTOCOL_VERSION } from '../src/version/protocol-version';
import { tableChecksum } from '../src/manifest/table-checksum';
import { schemaFingerprint, schemaVersion, type TableSchema } from '../src/manifest/table-schema';

export const DIGESTS = ['0a', '1b', '2c'].map((byte) => byte.repeat(32));

const schemas: TableSchema[] = [
  {
    name: 'users',
    schema: 'staff',
    table: 'people',
    columns: [
      { name: 'id', type: 'bigint' },
      { name: 'email', type: 'text' },
    ],
    key: ['id'],
    indexes: [['email'], ['email', 'id']],
    grants: ['reader'],
    onRemove: 'drop',
  },
  {
    name: 'group_members',
    schema: 'public',
    table: 'group_members',
    columns: [
      { name: 'group_id', type: 'integer' },
      { name: 'user_id', type: 'bigint' },
      { name: 'since', type: 'timestamp with time zone' },
    ],
    key: ['group_id', 'user_id'],
    indexes: [],
    grants: [],
    onRemove: 'keep',
  },
];

function withContent(schema: TableSchema, digests: string[]): ManifestTable {
  const fingerprint = schemaFingerprint(schema);
  return { ...schema, fingerprint, rows: 1_042, bytes: 9_613, checksum: tableChecksum(fingerprint, digests) };
}

/** Two tables: `users` with the first two digests, `group_members` with the third. */
export function exampleManifest(): Manifest {
  return structuredClone({
    protocolVersion: PROTOCOL_VERSION,
    manifestId: '01KAJ9V9RW4C7ZK3DYE7V1NB2R',
    macAddress: '48:b0:2d:e9:c3:b7',
    epoch: 1,
    sequence: 42,
    issuedAt: '2026-11-21T08:00:00.000Z',
    nonce: 'q83vEjRWeJCrze8SNFZ4kA',
    schemaVersion: schemaVersion(schemas),
    tables: [withContent(schemas[0]!, DIGESTS.slice(0, 2)), withContent(schemas[1]!, DIGESTS.slice(2))],
  });
}

/** The manifest with other tables, whose fingerprints and schema version are right again. */
export function withTables(
  manifest: Manifest,
  change: (tables: ManifestTable[]) => ManifestTable[],
): Manifest {
  const tables = change(manifest.tables).map((table) => ({
    ...table,
    fingerprint: schemaFingerprint(table),
  }));
  return { ...manifest, tables, schemaVersion: schemaVersion(tables) };
}
