import { Injectable } from '@nestjs/common';
import {
  inTransaction,
  lockForTransaction,
  lockingStatement,
  ownTables,
  withClient,
} from '@rivulet/postgres';
import { escapeLiteral, type ClientBase, type QueryResult } from 'pg';
import type { DataSource } from 'typeorm';
import { SnapshotDatabase } from './snapshot-database';

/** Held in common, for a moment, by who enters what names chunks; and alone by who deletes chunks. */
const COLLECTION_LOCK = 'rivulet chunk collection';

const NOTHING_IS_COLLECTED = lockingStatement(COLLECTION_LOCK, 'shared');

/** Held in common by builds, which enter snapshots long before something names them. */
const BUILDS_LOCK = 'rivulet snapshot builds';

/** How long to wait for another process that reads the same dataset for the same scope. */
const LOCK_TIMEOUT_MS = 60_000;

/** Keeps builds out of each other's way, in whatever process they run. */
@Injectable()
export class SnapshotLocks {
  constructor(private readonly database: SnapshotDatabase) {}

  /**
   * Runs `work` while nobody else builds snapshots with these cache keys, of which there is a list for each scope. What
   * several scopes share is waited for; what one of several scopes has alone is not: whoever has it reads that scope.
   *
   * @param work is told of each scope whether it may be built
   */
  async whileBuilding<T>(scopes: string[][], work: (isFree: boolean[]) => Promise<T>): Promise<T> {
    // Open for as long as `work` takes, but between its statements a transaction like this holds back no vacuum.
    const { shared, own } = divideKeys(scopes);
    const first = `${lockingStatement(BUILDS_LOCK, 'shared')};\n${waitForLocks(shared.map(nameOf))}`;
    const limits = { statementTimeoutMs: 0, lockTimeoutMs: LOCK_TIMEOUT_MS, idleTimeoutMs: 0, first };
    return withClient(this.database.pool, (client) =>
      inTransaction(client, limits, async () => {
        const taken = own.length === 0 ? new Set<string>() : await this.lockFree(client, own);
        return work(scopes.map((keys) => !keys.some((key) => taken.has(key))));
      }),
    );
  }

  /** @returns those of the keys that somebody else has */
  private async lockFree(client: ClientBase, keys: string[]): Promise<Set<string>> {
    const { rows } = await client.query<{ isFree: boolean }>(tryLocks, [keys.map(nameOf)]);
    return new Set(keys.filter((_, index) => !rows[index]!.isFree));
  }
}

/** Those that are waited for, in one order everywhere, so that no two wait for each other; and the others. */
function divideKeys(scopes: string[][]): { shared: string[]; own: string[] } {
  const [only] = scopes;
  if (only !== undefined && scopes.length === 1) return { shared: [...new Set(only)].toSorted(), own: [] };
  const counts = new Map<string, number>();
  for (const key of scopes.flatMap((keys) => [...new Set(keys)])) counts.set(key, (counts.get(key) ?? 0) + 1);
  const keys = [...counts.keys()].toSorted();
  return {
    shared: keys.filter((key) => counts.get(key)! > 1),
    own: keys.filter((key) => counts.get(key) === 1),
  };
}

function nameOf(cacheKey: string): string {
  return `rivulet snapshot ${cacheKey}`;
}

/** One after the other, in the order of the array. */
function waitForLocks(names: string[]): string {
  const list = names.map((name) => escapeLiteral(name)).join(', ');
  return `SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(ARRAY[${list}]::text[]) AS name`;
}

const tryLocks = `
SELECT pg_try_advisory_xact_lock(hashtextextended(name, 0)) AS "isFree" FROM unnest($1::text[]) AS name`;

/**
 * Runs `work` in a transaction during which no chunk is deleted. Chunks that it names must be looked for in it: one that
 * was stored, or found, before may have been collected.
 */
export async function whileNothingIsCollected<T>(
  database: DataSource,
  work: (client: ClientBase) => Promise<T>,
): Promise<T> {
  return withOwnClient(database, (client) =>
    inTransaction(client, { ...ownTables, first: NOTHING_IS_COLLECTED }, () => work(client)),
  );
}

/**
 * The same for one statement without parameters, all of it in one message, which is a transaction of its own.
 *
 * @returns how many rows it has entered or changed
 */
export async function runWhileNothingIsCollected(database: DataSource, statement: string): Promise<number> {
  return withOwnClient(database, async (client) => {
    const results = (await client.query(
      `${NOTHING_IS_COLLECTED};\n${statement}`,
    )) as unknown as QueryResult[];
    return results.at(-1)!.rowCount ?? 0;
  });
}

async function withOwnClient<T>(database: DataSource, work: (client: ClientBase) => Promise<T>): Promise<T> {
  const runner = database.createQueryRunner();
  try {
    return await work((await runner.connect()) as ClientBase);
  } finally {
    await runner.release();
  }
}

/** Waits for those who enter what names chunks, which takes them a moment; until the end of the transaction others wait. */
export async function lockForCollection(client: ClientBase): Promise<void> {
  await lockForTransaction(client, COLLECTION_LOCK);
}

/** Whether nobody builds; then nobody begins to until the end of the transaction. Does not wait, and lets nobody wait. */
export async function tryToLockOutBuilds(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ isAlone: boolean }>(
    'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS "isAlone"',
    [BUILDS_LOCK],
  );
  return rows[0]!.isAlone;
}
