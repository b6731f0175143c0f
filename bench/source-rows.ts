import type { Pool } from 'pg';

/** Ten columns of the usual types, about 188 bytes a row in canonical form. */
const COLUMNS = `
  id bigint, device_id uuid, name text, email text, kind integer,
  amount numeric(12,2), ratio double precision, created_at timestamptz, active boolean, note text`;

export async function createSourceRows(pool: Pool, rows: number): Promise<void> {
  await pool.query(`CREATE TABLE bench_rows (${COLUMNS}, PRIMARY KEY (id))`);
  await pool.query(
    `WITH words AS (
       SELECT string_to_array('gateway pump valve sensor north south inspected replaced nominal pressure ' ||
         'temperature reading cabinet floor shift calibrated inverter battery cooling loop filter scheduled', ' ') w
     )
     INSERT INTO bench_rows SELECT n, ('00000000-0000-4000-8000-' || lpad(to_hex(n * 2654435761 % 4294967296), 12, '0'))::uuid,
            initcap(w[1 + n * 7 % 22]) || ' ' || initcap(w[1 + n * 11 % 22]) || ' ' || n % 9973,
            w[1 + n * 5 % 22] || '.' || n || '@fleet.example', n % 17, (n * 7919 % 1000000) / 100.0,
            (n * 48271 % 65536) / 64.0, timestamptz '2026-01-01' + n * interval '7 seconds', n % 3 = 0,
            w[1 + n * 13 % 22] || ' ' || w[1 + n * 17 % 22] || ' ' || w[1 + n / 22 % 22] || ' ' ||
            w[1 + n * 19 % 22] || ' ' || w[1 + n / 484 % 22] || ' ' || w[1 + n * 3 % 22]
     FROM generate_series(1, $1::bigint) AS n, words`,
    [rows],
  );
  await pool.query('VACUUM ANALYZE bench_rows');
}

export async function createTargetTable(pool: Pool, name: string): Promise<void> {
  await pool.query(`CREATE TABLE ${name} (${COLUMNS}, PRIMARY KEY (id))`);
}

/** The datasets file for this table and one device. */
export const benchMacAddress = '02:00:00:00:00:01';
export const benchDatasets = `
version: 1
scope:
  query: SELECT 1 AS device_id WHERE :mac_address = '${benchMacAddress}'
datasets:
  - name: bench_mirror
    key: [id]
    query: SELECT * FROM bench_rows
`;
