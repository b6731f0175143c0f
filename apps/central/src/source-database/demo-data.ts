import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inTransaction, lockForTransaction, ownTables, withClient } from '@rivulet/postgres';
import type { Pool } from 'pg';

const DIRECTORY = 'db/central/demo';

/** Fills a database that has no table `companies` with the demo's; of two centrals that start at once, one does. */
export async function loadDemoData(pool: Pool): Promise<boolean> {
  const limits = { ...ownTables, statementTimeoutMs: 60_000, lockTimeoutMs: 60_000 };
  return withClient(pool, (client) =>
    inTransaction(client, limits, async () => {
      await lockForTransaction(client, 'rivulet demo data');
      const { rows } = await client.query<{ isThere: boolean }>(
        `SELECT to_regclass('public.companies') IS NOT NULL AS "isThere"`,
      );
      if (rows[0]!.isThere) return false;
      // A role named as a schema would have its tables made there.
      await client.query('SET LOCAL search_path TO public');
      const files = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.sql')).toSorted();
      for (const file of files) await client.query(await readFile(join(DIRECTORY, file), 'utf8'));
      return true;
    }),
  );
}
