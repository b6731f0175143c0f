import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RivuletError } from '@rivulet/errors';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DatasetCatalogue } from '../src/catalogue/dataset-catalogue';

/** A data owner's database, and a datasets file on it. */
export class CatalogueFixture {
  private constructor(
    readonly database: TestDatabase,
    readonly folder: string,
  ) {}

  static async create(): Promise<CatalogueFixture> {
    const folder = mkdtempSync(join(tmpdir(), 'rivulet-datasets-'));
    const database = await createTestDatabase();
    await database.pool.query(`
      CREATE TYPE kind AS ENUM ('door', 'gate');
      CREATE DOMAIN mac AS character varying(17);
      CREATE TABLE devices (id bigint PRIMARY KEY, mac_address mac, is_active boolean, state text, group_ids uuid[]);
      CREATE TABLE users (
        id bigint PRIMARY KEY, email text, full_name varchar(80), kind kind, owner regrole, doc json, settings jsonb,
        salary numeric(10,2), valid daterange
      )`);
    return new CatalogueFixture(database, folder);
  }

  async close(): Promise<void> {
    rmSync(this.folder, { recursive: true });
    await this.database.drop();
  }

  load(source: string, pool = this.database.pool): Promise<DatasetCatalogue> {
    const path = join(this.folder, 'datasets.yaml');
    writeFileSync(path, source);
    return DatasetCatalogue.load(path, pool);
  }

  /** The message about the file, without the folder that it is in. */
  async refusalOf(source: string, pool = this.database.pool): Promise<string> {
    const error = await this.load(source, pool).catch((thrown: unknown) => thrown);
    if (error instanceof RivuletError && error.code === 'DATASETS_FILE_INVALID') {
      return error.message.replaceAll(`${this.folder}/`, '');
    }
    throw new Error('It was not refused as it should be.', { cause: error });
  }
}

export function withScope(...query: string[]): string {
  return `version: 1
scope:
  query: |
    ${query.join('\n    ')}
datasets:
  - name: users
    key: [id]
    query: SELECT id FROM users
`;
}

/** A file with one dataset, whose query begins at line 10, column 7. */
export function withQuery(query: string, more = '', key = '[id]'): string {
  return `version: 1
scope:
  query: |
    SELECT id AS device_id, group_ids FROM devices WHERE mac_address = :mac_address
datasets:
  - name: users
    key: ${key}
    ${more}
    query: |
      ${query.replaceAll('\n', '\n      ')}
`;
}
