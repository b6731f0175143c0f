import type { Pool } from 'pg';

/** Rows of each site: its own, and what all sites share. */
export const STOCK_PER_SITE = 100;
const STAFF_PER_SITE = 10;
const PRODUCTS = 5_000;

/** Rows of one scope, without the products, which all share. */
export const OWN_ROWS = STOCK_PER_SITE + STAFF_PER_SITE + 1;

/** Sites with their staff and stock, a device at each of the first, and products for all. */
export async function createFleetSource(pool: Pool, stockRows: number, devices: number): Promise<void> {
  const sites = Math.floor(stockRows / STOCK_PER_SITE);
  await pool.query(`
    CREATE TABLE fleet_sites (id integer PRIMARY KEY, name text NOT NULL, city text NOT NULL);
    CREATE TABLE fleet_devices (
      device_id integer PRIMARY KEY, mac_address text NOT NULL UNIQUE, site_id integer NOT NULL);
    CREATE TABLE fleet_staff (
      id integer PRIMARY KEY, site_id integer NOT NULL, name text NOT NULL, role text NOT NULL);
    CREATE TABLE fleet_stock (
      id bigint PRIMARY KEY, site_id integer NOT NULL, product_id integer NOT NULL, quantity integer NOT NULL,
      price numeric(10,2) NOT NULL, counted_at timestamptz NOT NULL);
    CREATE TABLE fleet_products (
      id integer PRIMARY KEY, name text NOT NULL, price numeric(10,2) NOT NULL, note text NOT NULL)`);
  await fill(pool, sites, devices);
  await pool.query(`
    CREATE INDEX ON fleet_staff (site_id);
    CREATE INDEX ON fleet_stock (site_id);
    CREATE INDEX ON fleet_devices (site_id)`);
  for (const table of ['sites', 'devices', 'staff', 'stock', 'products']) {
    await pool.query(`VACUUM (ANALYZE) fleet_${table}`);
  }
}

async function fill(pool: Pool, sites: number, devices: number): Promise<void> {
  await pool.query(
    `INSERT INTO fleet_sites SELECT n, 'Site ' || n, 'City ' || n % 97 FROM generate_series(1, $1::integer) n`,
    [sites],
  );
  await pool.query(
    'INSERT INTO fleet_devices SELECT n, mac, n FROM unnest($1::text[]) WITH ORDINALITY _ (mac, n)',
    [Array.from({ length: devices }, (_, index) => fleetMacAddress(index + 1))],
  );
  await pool.query(
    `INSERT INTO fleet_staff
     SELECT n, 1 + (n - 1) / $2::integer, 'Person ' || n * 7919 % 100003, 'role ' || n % 7
     FROM generate_series(1, $1::integer) n`,
    [sites * STAFF_PER_SITE, STAFF_PER_SITE],
  );
  await pool.query(
    `INSERT INTO fleet_stock
     SELECT n, 1 + (n - 1) / $2::integer, n * 7919 % $3::integer, n * 31 % 97, (n * 48271 % 100000) / 100.0,
            timestamptz '2026-01-01' + n * interval '7 seconds'
     FROM generate_series(1, $1::bigint) n`,
    [sites * STOCK_PER_SITE, STOCK_PER_SITE, PRODUCTS],
  );
  await pool.query(
    `INSERT INTO fleet_products SELECT n, 'Product ' || n, (n * 48271 % 100000) / 100.0, 'Shelf ' || n * 13 % 101
     FROM generate_series(1, $1::integer) n`,
    [PRODUCTS],
  );
}

export async function dropFleetSource(pool: Pool): Promise<void> {
  await pool.query('DROP TABLE fleet_sites, fleet_devices, fleet_staff, fleet_stock, fleet_products');
}

export function fleetMacAddress(device: number): string {
  const digits = device.toString(16).padStart(6, '0');
  return `06:00:00:${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4)}`;
}

/**
 * What each device of the fleet gets.
 *
 * @param ofSite the condition by which the stock of a site is found
 */
export function fleetDatasets(ofSite = 'site_id = :site_id'): string {
  return `
version: 1
scope:
  query: SELECT device_id, site_id FROM fleet_devices WHERE mac_address = :mac_address
datasets:
  - { name: sites, key: [id], query: "SELECT id, name, city FROM fleet_sites WHERE id = :site_id" }
  - { name: staff, key: [id], query: "SELECT id, name, role FROM fleet_staff WHERE site_id = :site_id" }
  - name: stock
    key: [id]
    query: SELECT id, product_id, quantity, price, counted_at FROM fleet_stock WHERE ${ofSite}
  - { name: products, key: [id], query: "SELECT id, name, price, note FROM fleet_products" }
`;
}
