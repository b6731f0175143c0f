import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { parse } from 'yaml';
import { runDatasetsTool, type ToolRun } from './run-datasets-tool';

export const MAC = '48:b0:2d:e9:c3:b7';

export interface StarterYaml {
  scope: { query: string };
  datasets: { name: string; schema?: string; table?: string; key: string[]; query: string }[];
}

/** An empty database, and a folder for the file that `init` creates from it. */
export class InitFixture {
  private constructor(
    readonly database: TestDatabase,
    readonly folder: string,
  ) {}

  static async create(): Promise<InitFixture> {
    return new InitFixture(await createTestDatabase(), mkdtempSync(join(tmpdir(), 'rivulet-init-')));
  }

  async close(): Promise<void> {
    rmSync(this.folder, { recursive: true });
    await this.database.drop();
  }

  get path(): string {
    return join(this.folder, 'datasets.yaml');
  }

  run(...argv: string[]): Promise<ToolRun> {
    return runDatasetsTool(this.database.url, argv);
  }

  /** Creates a file, in which `check` must find no mistake for the device, and reads it. */
  async init(...argv: string[]): Promise<{ text: string; file: StarterYaml; said: string }> {
    const made = await this.run('init', '--out', this.path, ...argv);
    assert.deepEqual([made.code, made.errors], [0, '']);
    const checked = await this.run('check', '--file', this.path, '--mac', MAC);
    assert.deepEqual([checked.code, checked.errors], [0, '']);
    assert.doesNotMatch(checked.output, /Mistake/);
    const text = readFileSync(this.path, 'utf8');
    return { text, file: parse(text) as StarterYaml, said: made.output.replaceAll(this.path, 'FILE') };
  }
}

export function datasetNames({ datasets }: StarterYaml): string[] {
  return datasets.map(({ name }) => name);
}
