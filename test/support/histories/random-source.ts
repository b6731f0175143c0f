import { hash } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';

/** Numbers that depend on nothing but their seed (xorshift32), so that a history can be played again. */
export class Randomness {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 1;
  }

  /** An integer from 0 to `below` - 1. */
  below(limit: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

export const macAddress = '48:b0:2d:e9:c3:b7';

export const schema = `
CREATE TYPE mood AS ENUM ('calm', 'wild');
CREATE TABLE public.devices (id int PRIMARY KEY, mac_address text, company int, note text);
INSERT INTO public.devices VALUES (1, '${macAddress}', 1, ''), (2, '00:00:00:00:00:02', 2, '');
CREATE TABLE device_groups (device int, grp int, PRIMARY KEY (device, grp));
INSERT INTO device_groups VALUES (1, 1), (2, 2);
CREATE TABLE items (id bigint PRIMARY KEY, company int, label text, amount numeric, mood mood, extra json, seen timestamptz);
CREATE TABLE notes (site text, no int, body text, PRIMARY KEY (site, no)) PARTITION BY LIST (site);
CREATE TABLE notes_a PARTITION OF notes FOR VALUES IN ('a', 'ä', 'A');
CREATE TABLE notes_rest PARTITION OF notes DEFAULT;
CREATE TABLE members (grp int, name text, PRIMARY KEY (grp, name));
CREATE VIEW loud AS SELECT company, coalesce(mood::text, '') AS mood, count(*) AS items, sum(amount) AS amount
  FROM items GROUP BY company, 2`;

export const datasets = `version: 1
scope:
  query: |
    SELECT d.id AS device_id, d.company,
           ARRAY(SELECT grp FROM device_groups g WHERE g.device = d.id ORDER BY grp) AS groups
    FROM public.devices d WHERE d.mac_address = :mac_address
datasets:
  - { name: items, key: [id], query: "SELECT * FROM items WHERE company = :company", indexes: [[label]] }
  - { name: notes, key: [site, no], query: "SELECT * FROM notes" }
  - { name: members, key: [name, grp], query: "SELECT grp, name FROM members WHERE grp = ANY (:groups)" }
  - { name: loud, table: loud_items, key: [mood], query: "SELECT mood, items, amount FROM loud WHERE company = :company" }
`;

/** What each mirror must be, said without the datasets file: $1 is the device. Rows as text, in one order. */
export const oracle: Record<string, string> = {
  items: `SELECT (i.id, i.company, i.label, i.amount, i.mood::text, i.extra, i.seen)::text AS row FROM items i
          JOIN public.devices d ON d.company = i.company WHERE d.id = 1 ORDER BY i.id`,
  notes: `SELECT (site, no, body)::text AS row FROM notes ORDER BY site COLLATE "C", no`,
  members: `SELECT (name, grp)::text AS row FROM members JOIN device_groups USING (grp) WHERE device = 1
            ORDER BY name COLLATE "C", grp`,
  loud_items: `SELECT (coalesce(mood::text, ''), count(*), sum(amount))::text AS row FROM items
               JOIN public.devices d USING (company) WHERE d.id = 1
               GROUP BY coalesce(mood::text, '') ORDER BY coalesce(mood::text, '') COLLATE "C"`,
};

export const mirrors: Record<string, string> = {
  items: 'SELECT (id, company, label, amount, mood, extra, seen)::text AS row FROM items ORDER BY id',
  notes: 'SELECT (site, no, body)::text AS row FROM notes ORDER BY site, no',
  members: 'SELECT (name, grp)::text AS row FROM members ORDER BY name, grp',
  loud_items: 'SELECT (mood, items, amount)::text AS row FROM loud_items ORDER BY mood',
};

const texts = ['', ' ', 'ä', '\\N', 'a\tb', 'line\nfeed', "quote's", '"', '\\', '🙂', 'NULL', '{}', 'ñandú'];
const sites = ['a', 'A', 'ä', 'b', 'z', ''];

/** Does one random thing to the source, and says what. */
export async function change(client: PoolClient, random: Randomness): Promise<string> {
  const [name, statement, ...values] = random.pick(statements)(random);
  await client.query(statement, values);
  return name;
}

type Statement = [name: string, text: string, ...values: unknown[]];

/** Wide rows, so that few of them make many chunks. */
const body = (random: Randomness): string => random.pick(texts) + 'x'.repeat(random.below(3_000));

const insertItems = (random: Randomness): Statement => [
  'insert items',
  `INSERT INTO items SELECT $1::bigint + n * $2, 1 + n % 2, $3 || n, n * 1.10, 'calm', '{"n": 1.0}', now()
   FROM generate_series(1, $4::int) AS n ON CONFLICT DO NOTHING`,
  random.below(5_000),
  1 + random.below(50),
  body(random),
  1 + random.below(60),
];

const statements: ((random: Randomness) => Statement)[] = [
  insertItems,
  insertItems,
  (random) => [
    'update an item',
    'UPDATE items SET label = $2, mood = $3, amount = amount + 0.10 WHERE id = (SELECT id FROM items ORDER BY abs(id - $1) LIMIT 1)',
    random.below(6_000),
    body(random),
    random.pick(['calm', 'wild', null]),
  ],
  (random) => [
    'update scattered items',
    'UPDATE items SET extra = $2 WHERE id % 37 = $1',
    random.below(37),
    '[1,  2]',
  ],
  () => ['change the text of equal values', 'UPDATE items SET amount = amount * 1.0 WHERE id % 11 = 3'],
  (random) => [
    'delete items',
    'DELETE FROM items WHERE id BETWEEN $1 AND $1 + $2',
    random.below(6_000),
    random.below(300),
  ],
  (random) => [
    'change a key',
    `UPDATE items SET id = id + 100000 + $1 WHERE id = (SELECT max(id) FROM items WHERE id < 6000)`,
    random.below(1_000_000),
  ],
  (random) => [
    'move items to another company',
    'UPDATE items SET company = 3 - company WHERE id % 5 = $1',
    random.below(5),
  ],
  (random) => [
    'write notes',
    `INSERT INTO notes SELECT $1, $2::int + n, $3 FROM generate_series(0, $4::int) AS n
     ON CONFLICT (site, no) DO UPDATE SET body = excluded.body || 'again'`,
    random.pick(sites),
    random.below(500),
    body(random),
    random.below(30),
  ],
  (random) => ['delete notes of one partition', 'DELETE FROM notes_a WHERE no % 7 = $1', random.below(7)],
  (random) => [
    'move notes',
    'UPDATE notes SET site = $1, no = no + 10000 WHERE no % 13 = $2 AND no < 10000',
    random.pick(sites),
    random.below(13),
  ],
  (random) => [
    'join a group',
    'INSERT INTO members SELECT $1, $2 || n FROM generate_series(1, $3::int) AS n ON CONFLICT DO NOTHING',
    1 + random.below(3),
    random.pick(texts),
    random.below(40),
  ],
  (random) => ['leave a group', 'DELETE FROM members WHERE length(name) % 3 = $1', random.below(3)],
  () => ['move the device', 'UPDATE public.devices SET company = 3 - company'],
  (random) => [
    'give the device a group',
    'INSERT INTO device_groups VALUES (1, $1) ON CONFLICT DO NOTHING',
    1 + random.below(3),
  ],
  (random) => ['take a group', 'DELETE FROM device_groups WHERE grp = $1', 1 + random.below(3)],
  () => ['touch without a difference', 'UPDATE items SET label = label'],
  (random) => ['write what no device sees', 'UPDATE public.devices SET note = $1', random.pick(texts)],
  (random) => (random.below(6) === 0 ? ['truncate items', 'TRUNCATE items'] : insertItems(random)),
  (random) =>
    random.below(4) === 0 ? ['truncate a partition', 'TRUNCATE notes_a'] : ['nothing', 'SELECT 1'],
];

/** All rows of all tables as an oracle or a mirror gives them. */
export async function readAll(
  pool: Pool,
  queries: Record<string, string>,
): Promise<Record<string, string[]>> {
  const client = await pool.connect();
  try {
    await client.query(`SET TimeZone TO 'UTC'`);
    const content: Record<string, string[]> = {};
    for (const [name, query] of Object.entries(queries)) {
      const { rows } = await client.query<{ row: string }>(query);
      content[name] = rows.map(({ row }) => shortened(row));
    }
    return content;
  } finally {
    client.release();
  }
}

/** Short enough to be shown, and different for different rows. */
function shortened(row: string): string {
  return row.length < 80 ? row : `${row.slice(0, 40)} ${hash('md5', row)}`;
}
