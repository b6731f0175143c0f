import { copyIn, copyOut, withClient } from '@rivulet/postgres';
import type { Pool } from 'pg';

/** The floor: rows in key order from one server into an emptied table of the other, in one transaction, unproved. */
export async function rawCopy(source: Pool, target: Pool, table: string): Promise<void> {
  await withClient(source, (from) =>
    withClient(target, async (to) => {
      await to.query('BEGIN');
      await to.query(`TRUNCATE ${table}`);
      const rows = copyOut(from, 'COPY (SELECT * FROM bench_rows ORDER BY id) TO STDOUT');
      await copyIn(to, `COPY ${table} FROM STDIN`, rows);
      await to.query('COMMIT');
    }),
  );
}
