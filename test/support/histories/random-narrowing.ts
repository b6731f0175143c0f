import { fixedQueries, randomQuery } from './random-narrowed-query';
import type { Randomness } from './random-source';

/** MAC addresses of the devices of a history. */
export const narrowedDevices = Array.from({ length: 6 }, (_, index) => `02:00:00:00:00:0${index + 1}`);

/** Types of the values by which rows belong to a site. The same values in each, in another form. */
const siteTypes = {
  int: (n: number) => `${n}`,
  bigint: (n: number) => `${n * 5_000_000_000}`,
  smallint: (n: number) => `${n}`,
  text: (n: number) => `'site ${n}'`,
  'varchar(20)': (n: number) => `'ß-${n}'`,
  'char(4)': (n: number) => `'s${n}'`,
  uuid: (n: number) => `'00000000-0000-4000-8000-00000000000${n}'`,
  numeric: (n: number) => `${n}.0`,
  'odd.site': (n: number) => `'o${n}'`,
} as const;

export type SiteType = keyof typeof siteTypes;

/** The same for a number that is a column, so that there are more values than are noted one by one. */
const manySites: Record<SiteType, string> = {
  int: 'n',
  bigint: 'n * 5000000000',
  smallint: 'n',
  text: `'site ' || n`,
  'varchar(20)': `'ß-' || n`,
  'char(4)': `left('s' || n, 4)`,
  uuid: `('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid`,
  numeric: 'n',
  'odd.site': `'o' || n`,
};

const SITES = 5;

/** Ways of holding rows, with the tables that a statement can name for some of them. */
const tableKinds = ['plain', 'keyed', 'partitioned', 'inherited'] as const;

/** One history's tables, queries and statements, all by one seed. */
export class RandomNarrowing {
  private readonly siteType: SiteType;
  private readonly tables: RandomTable[];

  constructor(
    private readonly random: Randomness,
    siteType?: SiteType,
  ) {
    const picked = random.pick(Object.keys(siteTypes) as SiteType[]);
    this.siteType = siteType ?? picked;
    this.tables = ['a', 'b', 'c'].map((name) => new RandomTable(name, random.pick(tableKinds), random));
  }

  get schema(): string {
    const devices = narrowedDevices.map(
      (mac, index) =>
        `(${index + 1}, '${mac}', ${this.site(1 + (index % SITES))}, ${this.siteList()}, ${index % 3})`,
    );
    return `
CREATE SCHEMA odd; CREATE COLLATION odd.loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
CREATE DOMAIN odd.site AS text COLLATE odd.loose;
CREATE TABLE public.devices (id int PRIMARY KEY, mac_address text, site ${this.siteType}, sites ${this.siteType}[], kind int);
INSERT INTO public.devices VALUES ${devices.join(', ')};
UPDATE public.devices SET site = NULL, sites = NULL WHERE id = 6;
${this.tables.map((table) => table.definition(this.siteType)).join('')}
CREATE VIEW public.shown AS SELECT id, site, owner AS who, amount FROM a WHERE amount > 1;
CREATE VIEW public.barred WITH (security_barrier) AS SELECT x.id, x.site, y.amount FROM a x JOIN b y ON y.owner = x.owner;
CREATE VIEW public.renamed AS SELECT site, owner, amount FROM a AS x (${this.tables[0]!.swappedNames});
CREATE FUNCTION public.amounts(${this.siteType}) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT amount FROM a WHERE site = $1';
CREATE FUNCTION public.hidden(${this.siteType}) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM c WHERE owner = $1; END;
CREATE FUNCTION public.cascade() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM c WHERE id = OLD.id; RETURN NULL; END $$;
CREATE TRIGGER cascade AFTER DELETE ON public.a FOR EACH ROW EXECUTE FUNCTION cascade();
CREATE FUNCTION public.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE b SET site = NEW.site WHERE id = NEW.id; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON public.a DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.amount = 4) EXECUTE FUNCTION later();
CREATE FUNCTION public.moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.site := OLD.owner; RETURN NEW; END $$;
CREATE TRIGGER moved BEFORE UPDATE OF amount ON public.c FOR EACH ROW WHEN (OLD.id = 7) EXECUTE FUNCTION moved();`;
  }

  /** @param count how many datasets; each has one row, which tells any two results apart */
  datasetsFile(count: number): string {
    const fixed = [
      ...fixedQueries,
      `SELECT 1 AS id, x.amount FROM c AS x (${this.tables[2]!.swappedNames}) WHERE x.site = :site`,
    ];
    const datasets = Array.from({ length: count }, (_, index) => {
      const query = fixed[index] ?? randomQuery(this.random);
      return `  - name: d${index}\n    key: [id]\n    query: |\n      ${digestOf(query)}\n`;
    });
    return `version: 1
scope:
  query: SELECT id AS device_id, site, sites, kind FROM public.devices WHERE mac_address = :mac_address
datasets:
${datasets.join('')}`;
  }

  /** A statement that writes, or asks for nothing. */
  statement(): string {
    const { random } = this;
    if (random.below(8) === 0) {
      const device = 1 + random.below(narrowedDevices.length);
      return random.pick([
        `UPDATE public.devices SET site = ${this.site()} WHERE id = ${device}`,
        `UPDATE public.devices SET sites = ${this.siteList()} WHERE id = ${device}`,
        `UPDATE public.devices SET site = NULL WHERE id = ${device}`,
      ]);
    }
    const statement = random.pick(this.tables).statement(
      random,
      () => this.site(),
      () => this.siteList(),
    );
    if (statement.startsWith('TRUNCATE') || random.below(10) > 0) return statement;
    return `DO $$ BEGIN SET LOCAL session_replication_role = replica; ${statement}; SET LOCAL session_replication_role = origin; END $$`;
  }

  /** Rows with more values than are noted one by one, and their end. */
  get many(): [insert: string, remove: string] {
    const { name } = this.random.pick(this.tables);
    const value = manySites[this.siteType];
    return [
      `INSERT INTO ${name} (id, site, owner, amount) SELECT 1000 + n, ${value}, ${value}, n FROM generate_series(1, 1050) n`,
      `DELETE FROM ${name} WHERE id > 1000`,
    ];
  }

  private site(number = 1 + this.random.below(SITES)): string {
    return siteTypes[this.siteType](number);
  }

  private siteList(): string {
    const values = Array.from({ length: this.random.below(4) }, () =>
      this.random.below(6) === 0 ? 'NULL' : this.site(),
    );
    return `ARRAY[${values.join(', ')}]::${this.siteType}[]`;
  }
}

class RandomTable {
  private readonly columns: string[];

  constructor(
    readonly name: string,
    private readonly kind: (typeof tableKinds)[number],
    random: Randomness,
  ) {
    const columns = shuffled(['id int', 'site SITE', 'owner SITE', 'amount int'], random);
    const [inherited, own] = [columns.filter((column) => column === 'amount int'), columns];
    this.columns = kind === 'inherited' ? [...new Set([...inherited, ...own])] : columns;
  }

  /** Names for all of its columns, by which site and owner change places. */
  get swappedNames(): string {
    const names = this.columns.map((column) => column.split(' ')[0]!);
    const others: Record<string, string> = { site: 'owner', owner: 'site' };
    return names.map((name) => others[name] ?? name).join(', ');
  }

  definition(siteType: string): string {
    const columns = this.columns.map((column) => column.replace('SITE', siteType)).join(', ');
    const { name } = this;
    if (this.kind === 'keyed') return `CREATE TABLE public.${name} (${columns}, PRIMARY KEY (id));\n`;
    if (this.kind === 'plain') return `CREATE TABLE public.${name} (${columns});\n`;
    if (this.kind === 'inherited') {
      return `CREATE TABLE public.${name}_top (amount int);
CREATE TABLE public.${name} (${columns}) INHERITS (${name}_top);
CREATE TABLE public.${name}_1 (extra int) INHERITS (${name}); CREATE TABLE public.${name}_2 () INHERITS (${name});\n`;
    }
    return `CREATE TABLE public.${name} (${columns}) PARTITION BY LIST (amount);
CREATE TABLE public.${name}_1 PARTITION OF ${name} FOR VALUES IN (1, 2);
CREATE TABLE public.${name}_2 (amount int, dropped int, owner ${siteType}, site ${siteType}, id int);
ALTER TABLE public.${name}_2 DROP COLUMN dropped; ALTER TABLE public.${name} ATTACH PARTITION public.${name}_2 DEFAULT;\n`;
  }

  statement(random: Randomness, site: () => string, sites: () => string): string {
    const amount = random.below(5);
    const name = this.target(random, amount);
    const all = this.hasParts ? random.pick([this.name, name]) : this.name;
    const id = random.below(40);
    return random.pick([
      ...(this.kind === 'keyed' ? this.upserts(id, site(), amount) : []),
      `MERGE INTO ${this.name} t USING (VALUES (${id}), (${id + 1})) v (id) ON t.id = v.id
       WHEN MATCHED AND t.amount = ${amount} THEN DELETE WHEN MATCHED THEN UPDATE SET site = ${site()}
       WHEN NOT MATCHED THEN INSERT (id, site, owner, amount) VALUES (v.id, ${site()}, ${site()}, 1)`,
      `INSERT INTO ${name} (id, site, owner, amount) VALUES (${id}, ${site()}, ${site()}, ${amount})`,
      `INSERT INTO ${this.name} (id, site, owner, amount) SELECT n, ${site()}, ${site()}, n % 5 FROM generate_series(1, ${random.pick([1, 2, 60])}) n`,
      `UPDATE ${all} SET site = ${site()} WHERE id = ${id}`,
      `UPDATE ${all} SET owner = ${site()}, site = NULL WHERE id = ${id}`,
      `UPDATE ${all} SET amount = ${amount} WHERE site = ${site()} AND id < 40`,
      `UPDATE ${all} SET id = id + 1 WHERE site = ${site()}`,
      `UPDATE ${this.name} SET amount = (amount + 1) % 5 WHERE owner = ${site()}`,
      `DELETE FROM ${all} WHERE site = ${site()}`,
      `DELETE FROM ${all} WHERE owner = ANY (${sites()})`,
      `DELETE FROM ${all} WHERE id > 30`,
      `WITH gone AS (DELETE FROM ${all} WHERE id = ${id} RETURNING *) UPDATE ${all} SET site = ${site()} WHERE id = ${id + 1}`,
      `TRUNCATE ${all}`,
      ...(this.kind === 'inherited' ? [`DELETE FROM ${this.name}_top WHERE amount = ${amount}`] : []),
    ]);
  }

  private get hasParts(): boolean {
    return this.kind === 'partitioned' || this.kind === 'inherited';
  }

  private upserts(id: number, site: string, amount: number): string[] {
    const insert = `INSERT INTO ${this.name} (id, site, owner, amount) VALUES (${id}, ${site}, ${site}, ${amount})`;
    return [
      `${insert} ON CONFLICT DO NOTHING`,
      `${insert} ON CONFLICT (id) DO UPDATE SET site = excluded.site`,
      `${insert} ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, owner = ${site}`,
    ];
  }

  private target(random: Randomness, amount: number): string {
    const { name, kind } = this;
    if (!this.hasParts) return name;
    if (kind === 'inherited') return random.pick([name, `${name}_1`, `${name}_2`]);
    return random.pick([name, amount === 1 || amount === 2 ? `${name}_1` : `${name}_2`]);
  }
}

/** Rows of a query as one row, in whatever order they come and however often. */
function digestOf(query: string): string {
  return (
    `SELECT 1 AS id, count(*) AS n, md5(coalesce(string_agg(concat(q.id, ':', q.amount), ',' ORDER BY q.id, q.amount), '')) AS digest ` +
    `FROM (${query}) q`
  );
}

function shuffled<T>(list: T[], random: Randomness): T[] {
  const rest = [...list];
  return Array.from({ length: list.length }, () => rest.splice(random.below(rest.length), 1)[0]!);
}
