import { copyOut, withClient } from '@rivulet/postgres';
import type { Pool } from 'pg';

/** Ten columns of the usual types, about 188 bytes a row in canonical form. */
const COLUMNS = `
  id bigint, device_id uuid, name text, email text, kind integer,
  amount numeric(12,2), ratio double precision, created_at timestamptz, active boolean, note text`;

export async function createSourceRows(pool: Pool, table: string, rows: number): Promise<void> {
  await createEmptyTable(pool, table);
  await pool.query(
    `WITH words AS (
       SELECT string_to_array('gateway pump valve sensor north south inspected replaced nominal pressure ' ||
         'temperature reading cabinet floor shift calibrated inverter battery cooling loop filter scheduled', ' ') w
     )
     INSERT INTO ${table} SELECT n, ('00000000-0000-4000-8000-' || lpad(to_hex(n * 2654435761 % 4294967296), 12, '0'))::uuid,
            initcap(w[1 + n * 7 % 22]) || ' ' || initcap(w[1 + n * 11 % 22]) || ' ' || n % 9973,
            w[1 + n * 5 % 22] || '.' || n || '@fleet.example', n % 17, (n * 7919 % 1000000) / 100.0,
            (n * 48271 % 65536) / 64.0, timestamptz '2026-01-01' + n * interval '7 seconds', n % 3 = 0,
            w[1 + n * 13 % 22] || ' ' || w[1 + n * 17 % 22] || ' ' || w[1 + n / 22 % 22] || ' ' ||
            w[1 + n * 19 % 22] || ' ' || w[1 + n / 484 % 22] || ' ' || w[1 + n * 3 % 22]
     FROM generate_series(1, $1::bigint) AS n, words`,
    [rows],
  );
  await pool.query(`VACUUM ANALYZE ${table}`);
}

export async function createEmptyTable(pool: Pool, table: string): Promise<void> {
  await pool.query(`DROP TABLE IF EXISTS ${table}`);
  await pool.query(`CREATE TABLE ${table} (${COLUMNS}, PRIMARY KEY (id))`);
}

/** Ids with equal gaps over the whole table, so that they share as few chunks as possible; others in each round. */
export function scatteredIds(rows: number, count: number, round: number): number[] {
  const gap = Math.floor(rows / count);
  const offset = (round * 7919) % gap;
  return Array.from({ length: count }, (_, index) => 1 + index * gap + offset);
}

/** Changes one column of these rows of bench_rows. */
export async function changeRows(pool: Pool, ids: number[]): Promise<void> {
  await pool.query('UPDATE bench_rows SET amount = amount + 1 WHERE id = ANY ($1::bigint[])', [ids]);
}

/** Gives every row of bench_rows another content of the same size, and leaves no dead rows for those who read it. */
export async function changeAllRows(pool: Pool): Promise<void> {
  await pool.query('UPDATE bench_rows SET amount = amount + 1, note = reverse(note)');
  await pool.query('VACUUM (FULL, ANALYZE) bench_rows');
}

/** The bytes that COPY prints for these rows of bench_rows: what has to be told at the least, uncompressed. */
export async function canonicalBytes(pool: Pool, ids: number[]): Promise<number> {
  return withClient(pool, async (client) => {
    let bytes = 0;
    const query = `SELECT * FROM bench_rows WHERE id IN (${ids.join(',')})`;
    for await (const piece of copyOut(client, `COPY (${query}) TO STDOUT`)) bytes += piece.length;
    return bytes;
  });
}
