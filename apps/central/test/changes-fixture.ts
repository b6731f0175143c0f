import { Logger } from '@nestjs/common';
import { parseQueryTemplate, type Parameters } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { Pool } from 'pg';
import { versionKeysOf } from '../src/source/change-detection/version-keys';
import { versionVectorOf } from '../src/source/change-detection/version-vector';
import { ChangeDetection, type WatchedQuery } from '../src/source/change-detection/change-detection';

const NO_PARAMETERS: Parameters = new Map();

/** A source database, and what change detection says of it. */
export class ChangesFixture {
  readonly lines: string[] = [];
  readonly warnings: string[] = [];

  private constructor(readonly database: TestDatabase) {}

  /** A new database with these tables. They are in the schema `public`, as `rivulet` is not there yet. */
  static async create(tables: string): Promise<ChangesFixture> {
    const fixture = new ChangesFixture(await createTestDatabase());
    await fixture.database.pool.query(tables);
    Logger.overrideLogger({
      log: (message: string) => void fixture.lines.push(message),
      warn: (message: string) => void fixture.warnings.push(message),
      error: () => undefined,
    });
    return fixture;
  }

  async close(): Promise<void> {
    Logger.overrideLogger(false);
    await this.database.drop();
  }

  /** Change detection that has looked at the queries once. */
  async start(queries: Record<string, string>, source: Pool = this.database.pool): Promise<WatchedSource> {
    const changes = new ChangeDetection(source, 'trigger', 60_000);
    const watched = new WatchedSource(this.database.pool, changes);
    await watched.reconcile(queries);
    return watched;
  }
}

/** A source that one central watches, by the names of its queries. */
export class WatchedSource {
  constructor(
    private readonly pool: Pool,
    readonly changes: ChangeDetection,
  ) {}

  async reconcile(queries: Record<string, string>): Promise<void> {
    await this.changes.reconcile(watchedQueries(queries));
  }

  relations(name: string): string[] {
    return this.changes.watchOf(name).relations;
  }

  polled(name: string): string | undefined {
    return this.changes.watchOf(name).polled;
  }

  /** The version of what one query reads, for these values of its parameters. */
  async version(name: string, values: Record<string, string | null> = {}): Promise<string> {
    const versions = await this.changes.versions();
    const watch = this.changes.watchOf(name);
    const given = Object.entries(values).map(([key, value]) => [key, { type: '', value }] as const);
    const relations = versionKeysOf(watch, new Map(given));
    return versionVectorOf({ relations, definition: watch.definition }, versions) ?? 'unknown';
  }

  /** Whether a statement gives what the query reads another version. */
  async isChangedBy(statement: string, name: string): Promise<boolean> {
    const before = await this.version(name);
    await this.pool.query(statement);
    return (await this.version(name)) !== before;
  }
}

function watchedQueries(queries: Record<string, string>): WatchedQuery[] {
  return Object.entries(queries).map(([name, text]) => {
    return { name, template: parseQueryTemplate(text), parameters: NO_PARAMETERS };
  });
}
