import type { Randomness } from './random-source';

/** A kind of key: the columns of a table with it, and the values of row number n of a generate_series. */
interface KeyKind {
  columns: string;
  /** In their order. */
  names: string[];
  /** The index that has them in the order of canonical rows. */
  index: string;
  values: string;
}

const kinds = {
  bigint: { columns: 'id bigint', names: ['id'], index: 'PRIMARY KEY (id)', values: 'n * 7 - 400' },
  text: {
    columns: 'code text COLLATE "und-x-icu"',
    names: ['code'],
    index: '',
    values: String.raw`(ARRAY['a', 'B', 'ä', E'\t', E'\\', 'Z ', E'z\n', ''])[1 + n % 8] || n`,
  },
  composite: {
    columns: 'no smallint, site_code varchar(20) COLLATE "C"',
    names: ['site_code', 'no'],
    index: 'PRIMARY KEY (site_code, no)',
    values: `n / 5, (ARRAY['a', 'A', 'ä', '', 'b'])[1 + n % 5]`,
  },
  uuid: { columns: 'ref uuid', names: ['ref'], index: 'PRIMARY KEY (ref)', values: 'md5(n::text)::uuid' },
  numeric: {
    columns: 'price numeric(9,2)',
    names: ['price'],
    index: 'PRIMARY KEY (price)',
    values: '(n - 100) * 1.25',
  },
  moment: {
    columns: 'at timestamptz, day date',
    names: ['day', 'at'],
    index: 'PRIMARY KEY (day, at)',
    values: `CASE WHEN n = 7 THEN 'infinity' ELSE timestamptz '1999-12-31 23:00:00.5+01' + n * interval '7 hours' END,
      CASE WHEN n % 9 = 0 THEN date '0044-03-15 BC' ELSE date '2026-01-01' + n / 20 END`,
  },
} satisfies Record<string, KeyKind>;

type KindName = keyof typeof kinds;

/** Rows that there are at first, and so the numbers of which statements write. */
const ROWS = 160;

/** Wide, so that few rows make many chunks; some so wide that a chunk ends in front of them. */
const body = `CASE WHEN n % 13 = 5 THEN repeat(md5(n::text), 6000) WHEN n % 17 = 3 THEN 'short' ELSE repeat(n::text || 'x', 900 + n * 37 % 1500) END`;

/** A table whose changed rows are told by their key. */
export class KeyedTable {
  private readonly kind: KeyKind;

  constructor(
    readonly name: KindName,
    private readonly random: Randomness,
  ) {
    this.kind = kinds[name];
  }

  get definition(): string {
    const { columns, index } = this.kind;
    const bytewise = index === '' ? `CREATE UNIQUE INDEX ON ${this.table} (code COLLATE "C");` : '';
    return `CREATE TABLE ${this.table} (site int, ${columns}, body text${index === '' ? '' : `, ${index}`});
${bytewise} ${this.insert(0, ROWS)};`;
  }

  get datasets(): string[] {
    const { names } = this.kind;
    const key = names.join(', ');
    return [
      `{ name: ${this.name}, key: [${key}], query: "SELECT * FROM ${this.table}" }`,
      `{ name: ${this.name}_of_site, key: [${key}], query: "SELECT upper(left(body, 20000)) AS body, ${key} FROM ${this.table} WHERE site = :site" }`,
    ];
  }

  /** Writes some rows. */
  statement(): string {
    const { random, table } = this;
    const n = random.below(ROWS + 40);
    const few = 1 + random.below(4);
    return random.pick([
      `UPDATE ${table} SET body = body || '!' WHERE ${this.isRow(n)}`,
      `UPDATE ${table} SET body = ${random.pick([`'small'`, `repeat('wide', 50000)`, 'left(body, 30)'])} WHERE ${this.isRow(n, n + few)}`,
      `UPDATE ${table} SET site = 3 - site WHERE ${this.isRow(n)}`,
      `UPDATE ${table} SET ${this.assignment(n + 1_000)} WHERE ${this.isRow(n)}`,
      `UPDATE ${table} SET ${this.assignment(n)} WHERE ${this.isRow(n + 1_000)}`,
      `${this.insert(n, n + few)} ON CONFLICT DO NOTHING`,
      `${this.insert(n, n + 1)} ON CONFLICT DO NOTHING`,
      `DELETE FROM ${table} WHERE ${this.isRow(n)}`,
      `DELETE FROM ${table} WHERE ${this.isRow(n, n + few * 3)}`,
      `WITH gone AS (DELETE FROM ${table} WHERE ${this.isRow(n)} RETURNING 1) ${this.insert(n + 40, n + 41)} ON CONFLICT DO NOTHING`,
    ]);
  }

  /** Concerns all of it. */
  largeStatement(): string {
    const { random, table } = this;
    return random.pick([
      `TRUNCATE ${table}`,
      `${this.insert(0, ROWS)} ON CONFLICT DO NOTHING`,
      `INSERT INTO ${table} (site, ${this.columnNames}, body) SELECT 1, ${this.kind.values}, 's' FROM generate_series(2000, 4100) n ON CONFLICT DO NOTHING`,
      `DELETE FROM ${table} WHERE length(body) < 10`,
      `UPDATE ${table} SET body = body || 'all'`,
    ]);
  }

  /** Alters what is in each row, with no trigger noticing it, and writes some of them: one of each site at least, or nobody need notice. */
  alteration(): string {
    const n = this.random.below(ROWS);
    const names = this.columnNames;
    return `ALTER TABLE ${this.table} ALTER COLUMN body TYPE text USING 'altered' || body;
      UPDATE ${this.table} SET body = 'written' WHERE ${this.isRow(n, n + 2)}
        OR (${names}) IN (SELECT DISTINCT ON (site) ${names} FROM ${this.table} ORDER BY site, ${names})`;
  }

  /** By its key, a row that is large, as its neighbours are. */
  private isRow(first: number, end = first + 1): string {
    return `(${this.columnNames}) IN (SELECT ${this.kind.values} FROM generate_series(${first}, ${end - 1}) n)`;
  }

  private insert(first: number, end: number): string {
    return `INSERT INTO ${this.table} (site, ${this.columnNames}, body)
      SELECT 1 + n % 2, ${this.kind.values}, ${body} FROM generate_series(${first}, ${end - 1}) n`;
  }

  private assignment(n: number): string {
    return `(${this.columnNames}) = (SELECT ${this.kind.values} FROM generate_series(${n}, ${n}) n)`;
  }

  private get columnNames(): string {
    return this.kind.columns
      .split(', ')
      .map((column) => column.split(' ')[0]!)
      .join(', ');
  }

  private get table(): string {
    return `public.keyed_${this.name}`;
  }
}

/** Some of the kinds, in a random order. */
export function randomTables(random: Randomness, count: number): KeyedTable[] {
  const rest = Object.keys(kinds) as KindName[];
  const names = Array.from({ length: count }, () => rest.splice(random.below(rest.length), 1)[0]!);
  return names.map((name) => new KeyedTable(name, random));
}
