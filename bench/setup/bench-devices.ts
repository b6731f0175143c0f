import type { Pool } from 'pg';

/** Devices of the same scope: they may all see the same rows. The first is the edge app's. */
const DEVICES = 1_002;

export const edgeMacAddress = macAddressOf(1);
/** Another device of the edge's scope, that asks before it. */
export const neighbourMacAddress = macAddressOf(2);
export const fleetMacAddresses = Array.from({ length: DEVICES - 2 }, (_, index) => macAddressOf(index + 3));

export async function createDevices(pool: Pool): Promise<void> {
  await pool.query('CREATE TABLE bench_devices (device_id integer PRIMARY KEY, mac_address text UNIQUE)');
  const macAddresses = Array.from({ length: DEVICES }, (_, index) => macAddressOf(index + 1));
  await pool.query(
    'INSERT INTO bench_devices SELECT row_number() OVER (), mac FROM unnest($1::text[]) AS mac',
    [macAddresses],
  );
  await pool.query('VACUUM ANALYZE bench_devices');
}

function macAddressOf(device: number): string {
  const digits = device.toString(16).padStart(4, '0');
  return `02:00:00:00:${digits.slice(0, 2)}:${digits.slice(2)}`;
}

/** The datasets file: whole tables, for every device. @param sources - by the names of the mirrors */
export function datasetsFile(sources: Record<string, string>): string {
  const datasets = Object.entries(sources).map(
    ([mirror, source]) => `  - name: ${mirror}
    key: [id]
    query: SELECT * FROM ${source}
`,
  );
  return `
version: 1
scope:
  query: SELECT device_id FROM bench_devices WHERE mac_address = :mac_address
datasets:
${datasets.join('')}`;
}
