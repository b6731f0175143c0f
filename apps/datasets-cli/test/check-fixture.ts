import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROW_MAX_BYTES } from '@rivulet/protocol';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { checkDatasetsFile } from '../src/check/check';
import type { Findings } from '../src/check/findings';

/** A data owner's database, and a datasets file on it. */
export class CheckFixture {
  private constructor(
    readonly database: TestDatabase,
    private readonly folder: string,
  ) {}

  static async create(tables: string): Promise<CheckFixture> {
    const database = await createTestDatabase();
    await database.pool.query(tables);
    return new CheckFixture(database, mkdtempSync(join(tmpdir(), 'rivulet-check-')));
  }

  async close(): Promise<void> {
    rmSync(this.folder, { recursive: true });
    await this.database.drop();
  }

  write(source: string): string {
    const file = join(this.folder, 'datasets.yaml');
    writeFileSync(file, source);
    return file;
  }

  /** The findings, as `line:column: …`. */
  async check(source: string, macAddresses: string[] = []): Promise<Record<keyof Findings, string[]>> {
    const options = { file: this.write(source), macAddresses, timeoutMs: 10_000, maxRowBytes: ROW_MAX_BYTES };
    const { findings } = await checkDatasetsFile(this.database.pool, options);
    const messages = (kind: keyof Findings): string[] =>
      findings[kind].list.map(({ message }) => message.replaceAll(`${options.file}:`, ''));
    return { mistakes: messages('mistakes'), warnings: messages('warnings'), notes: messages('notes') };
  }
}
