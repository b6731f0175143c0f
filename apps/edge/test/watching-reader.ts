import { setTimeout as sleep } from 'node:timers/promises';
import { sqlState } from '@rivulet/postgres';
import type { PoolClient } from 'pg';
import type { SyncResult } from '../src/state/sync-result';
import type { CycleOptions, SyncCycleFixture } from './sync-cycle-fixture';

/** A reader's result where there is no table. */
export const NOTHING = 'no such table';

const UNDEFINED_TABLE = new Set<unknown>([sqlState.undefinedTable, sqlState.invalidSchemaName]);

/** All rows of a table with all their columns, in one text; `null` for an empty table. */
export function rowsOf(table: string): string {
  return `SELECT (SELECT json_agg(to_jsonb(mirror) ORDER BY to_jsonb(mirror))::text FROM ${table} AS mirror) AS seen`;
}

/**
 * An application on the device: reads all the time, on a connection of its own. It asks the first of its queries that has
 * its tables; an error other than that one is a sight, too.
 */
export class WatchingReader {
  /** Different sights, in the order in which they were first seen. */
  readonly sights: string[] = [];
  private reads = 0;
  private readonly stopped = new AbortController();
  private readonly running: Promise<void>;

  private constructor(
    private readonly client: PoolClient,
    private readonly queries: string[],
  ) {
    this.running = this.readOn();
  }

  static async start(edge: SyncCycleFixture, ...queries: string[]): Promise<WatchingReader> {
    const reader = new WatchingReader(await edge.database.pool.connect(), queries);
    edge.cleanUps.push(() => reader.end());
    await reader.readAgain();
    return reader;
  }

  /** Waits until a whole read has begun and ended, so that it would wait for ever if readers were locked out. */
  async readAgain(): Promise<void> {
    const before = this.reads;
    const deadline = Date.now() + 10_000;
    while (this.reads < before + 2) {
      if (Date.now() > deadline) throw new Error('The reader is locked out.');
      await sleep(1);
    }
  }

  async stop(): Promise<string[]> {
    await this.readAgain();
    await this.end();
    return this.sights;
  }

  private async end(): Promise<void> {
    if (this.stopped.signal.aborted) return;
    this.stopped.abort();
    await this.running;
    this.client.release();
  }

  private async readOn(): Promise<void> {
    while (!this.stopped.signal.aborted) {
      const sight = await this.look();
      if (this.sights.at(-1) !== sight) this.sights.push(sight);
      this.reads += 1;
    }
  }

  private async look(): Promise<string> {
    for (const query of this.queries) {
      try {
        const { rows } = await this.client.query<{ seen: string | null }>(query);
        return rows[0]!.seen ?? 'an empty table';
      } catch (error) {
        if (!UNDEFINED_TABLE.has((error as { code?: string }).code)) return String(error);
      }
    }
    return NOTHING;
  }
}

/**
 * Runs one cycle while the readers read. When everything is written and proved, and nothing is in its place yet, it goes
 * on only after each of them has read again: whatever was locked until then would lock them out.
 */
export async function syncWatched(
  edge: SyncCycleFixture,
  readers: WatchingReader[],
  options: CycleOptions = {},
): Promise<SyncResult> {
  const recordApplied = edge.state.recordApplied.bind(edge.state);
  const spy = jest.spyOn(edge.state, 'recordApplied').mockImplementationOnce(async (...args) => {
    await recordApplied(...args);
    await Promise.all(readers.map((reader) => reader.readAgain()));
  });
  const result = await edge.sync(options);
  spy.mockRestore();
  await Promise.all(readers.map((reader) => reader.readAgain()));
  return result;
}
