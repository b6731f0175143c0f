import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { runDatasetsTool, type ToolRun } from './run-datasets-tool';

/** A device of the demo. */
export const MAC = '48:b0:2d:e9:c3:b7';

/** A database with the demo's tables, and a folder for datasets files on them. */
export class DemoFixture {
  private constructor(
    readonly database: TestDatabase,
    readonly folder: string,
  ) {}

  static async create(): Promise<DemoFixture> {
    const database = await createTestDatabase();
    const demo = resolve('db', 'central', 'demo');
    for (const file of readdirSync(demo).toSorted())
      await database.pool.query(readFileSync(join(demo, file), 'utf8'));
    await database.pool.query('ANALYZE');
    return new DemoFixture(database, mkdtempSync(join(tmpdir(), 'rivulet-tool-')));
  }

  async close(): Promise<void> {
    rmSync(this.folder, { recursive: true });
    await this.database.drop();
  }

  run(...argv: string[]): Promise<ToolRun> {
    return runDatasetsTool(this.database.url, argv);
  }

  /** A file in the folder with one dataset on the demo's tables. */
  fileWith(query: string, key = '[id]'): string {
    const scope = 'SELECT id AS device_id, company_id FROM devices WHERE mac_address = :mac_address';
    const file = join(this.folder, 'mine.yaml');
    writeFileSync(
      file,
      `version: 1\nscope:\n  query: ${scope}\ndatasets:\n  - name: mine\n    key: ${key}\n    query: ${query}\n`,
    );
    return file;
  }
}
