import fc from 'fast-check';
import { dataOf } from '../histories/row-messages';
import type { SyncSocket } from './sync-socket';

/** Tables of the source, and datasets of them. */
export const ticketTables = `
    CREATE TYPE ticket_state AS ENUM ('draft', 'open', 'closed');
    CREATE TABLE tickets (
      id bigint PRIMARY KEY, site_id int, title text, state ticket_state, secret text DEFAULT 'secret', created timestamptz DEFAULT now());
    CREATE TABLE parts (id int PRIMARY KEY, team int, name text, price int);
    CREATE VIEW shown_parts AS SELECT * FROM parts WHERE price > 10;
    CREATE FUNCTION is_shown(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 IS NOT NULL; END'`;

const scope = `
version: 1
scope:
  query: >-
    SELECT d.id AS device_id, 1 AS site_id, ARRAY[1] AS team_ids, now() AS at
    FROM devices d WHERE d.mac_address = :mac_address
datasets:
`;
export const ticketDatasets: Record<string, string> = {
  tickets:
    "SELECT t.id AS number, t.title, t.state FROM tickets t WHERE t.site_id = :site_id AND t.state <> 'draft' AND title NOT LIKE '%\\%%'",
  shown: 'SELECT id AS number, name FROM shown_parts WHERE team = ANY (:team_ids)',
  joined: 'SELECT t.id AS number, p.name FROM tickets t JOIN parts p ON p.id = t.id',
  computed: 'SELECT id AS number, upper(title) AS title FROM tickets',
  own: 'SELECT id AS number FROM tickets WHERE is_shown(title)',
  moving: 'SELECT id AS number FROM tickets WHERE created < now()',
  zoned: "SELECT id AS number FROM tickets WHERE created::date > '2026-01-01'",
  compared: 'SELECT id AS number FROM tickets WHERE created < :at',
  keyless: 'SELECT site_id AS number FROM tickets WHERE title IS NULL',
  plain: 'SELECT id AS number, title FROM tickets',
};

export function datasetsFile(queries: Record<string, string>): string {
  const each = Object.entries(queries).map(
    ([name, query]) => `  - name: ${name}\n    key: [number]\n    query: >-\n      ${query}\n`,
  );
  return scope + each.join('');
}

/** What is told of a row of the dataset `tickets`. */
export function ticket(operation: string, number: number, title?: string): object {
  const key = { number: String(number) };
  return { dataset: 'tickets', operation, key, ...(title !== undefined && { row: { title } }) };
}

/** The rows that somebody has who does what the messages say. */
export function followed(socket: SyncSocket): Map<string, string> {
  const all = new Map<string, string>();
  for (const data of dataOf(socket) as {
    operation: string;
    key: { number: string };
    row?: { title: string };
  }[]) {
    const { operation, key, row } = data;
    expect(all.has(key.number)).toBe(operation !== 'insert');
    if (operation === 'delete') all.delete(key.number);
    else all.set(key.number, row!.title);
  }
  return all;
}

const id = fc.integer({ min: 1, max: 8 });
const site = fc.constantFrom('31', '31', '32', '32', 'NULL');
const title = fc.constantFrom(`'a'`, `'b'`, `'c'`, `''`, `'5 %'`, 'NULL');
const state = fc.constantFrom(`'open'`, `'open'`, `'closed'`, `'closed'`, `'draft'`, 'NULL');
const which = fc.oneof(
  id.map((number) => `id = ${number}`),
  id.map((number) => `id % 3 = ${number} % 3`),
);
/** Of a few rows, so that they meet. */
export const anyTicketWrite = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(id, site, title, state)
      .map((values) => `INSERT INTO tickets VALUES (${values.join(', ')}) ON CONFLICT DO NOTHING`),
  },
  fc
    .tuple(site, title, state, which)
    .map(
      (parts) =>
        `UPDATE tickets SET site_id = ${parts[0]}, title = ${parts[1]}, state = ${parts[2]} WHERE ${parts[3]}`,
    ),
  fc.tuple(state, which).map(([next, rows]) => `UPDATE tickets SET state = ${next} WHERE ${rows}`),
  which.map(
    (rows) =>
      `UPDATE tickets SET id = id + 8 WHERE ${rows} AND NOT EXISTS (SELECT FROM tickets t WHERE t.id > 8)`,
  ),
  fc.constant(
    'UPDATE tickets SET id = id - 8 WHERE id > 8 AND NOT EXISTS (SELECT FROM tickets t WHERE t.id = tickets.id - 8)',
  ),
  which.map((rows) => `DELETE FROM tickets WHERE ${rows}`),
);
