import { preparedStatement } from '@rivulet/postgres';
import type { DataSource } from 'typeorm';
import { packDocument } from './pack-document';
import type { SyncManifestTable } from './sync-manifest-table.entity';
import type { SyncManifest } from './sync-manifest.entity';

/** A manifest with its tables, in order. */
export interface NewManifest extends Omit<SyncManifest, 'document' | 'packedDocument'> {
  document: string;
  tables: Omit<SyncManifestTable, 'manifestId' | 'position'>[];
}

/** Enters all of them, or none, in one statement. */
export async function enterManifests(database: DataSource, manifests: NewManifest[]): Promise<void> {
  const tables = manifests.flatMap(({ manifestId, tables: own }) =>
    own.map((table, position) => ({ ...table, manifestId, position })),
  );
  await database.query(insertManifests, [
    ...columnsOf(
      manifests.map((manifest) => ({ ...manifest, packedDocument: packDocument(manifest.document) })),
      manifestColumns,
    ),
    ...columnsOf(tables, tableColumns),
  ]);
}

function columnsOf<Row>(rows: Row[], names: readonly (keyof Row)[]): unknown[][] {
  return names.map((name) => rows.map((row) => row[name]));
}

const manifestColumns = [
  'manifestId',
  'requestId',
  'deviceId',
  'macAddress',
  'epoch',
  'sequence',
  'schemaVersion',
  'packedDocument',
  'frameCount',
  'issuedAt',
  'registryId',
  'resyncSince',
] as const;

const tableColumns = [
  'manifestId',
  'position',
  'name',
  'action',
  'rows',
  'bytes',
  'checksum',
  'snapshotId',
  'baseSnapshotId',
] as const;

/** Foreign keys are looked at when the statement ends. */
const insertManifests = preparedStatement(
  'rivulet new manifests',
  `
WITH manifest AS (
  INSERT INTO rivulet.sync_manifests
    (manifest_id, request_id, device_id, mac_address, epoch, sequence, schema_version, packed_document, frame_count, issued_at,
     registry_id, resync_since)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::text[], $8::bytea[],
                       $9::int[], $10::timestamptz[], $11::text[], $12::timestamptz[])
)
INSERT INTO rivulet.sync_manifest_tables
  (manifest_id, position, name, action, rows, bytes, checksum, snapshot_id, base_snapshot_id)
SELECT * FROM unnest($13::text[], $14::int[], $15::text[], $16::text[], $17::bigint[], $18::bigint[], $19::text[],
                     $20::bigint[], $21::bigint[])`,
);
