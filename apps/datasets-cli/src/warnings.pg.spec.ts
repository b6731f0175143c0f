import { CheckFixture } from '../test/check-fixture';

let fixture: CheckFixture;

beforeAll(async () => {
  fixture = await CheckFixture.create(`
    CREATE TABLE devices (id bigint PRIMARY KEY, hardware macaddr, site_id bigint);
    INSERT INTO devices VALUES (1, '48:b0:2d:e9:c3:b7', 7);
    CREATE TABLE readings (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, site_id bigint NOT NULL, code text NOT NULL, note text,
      level double precision NOT NULL, amount numeric NOT NULL, at timestamptz NOT NULL DEFAULT now()
    );
    INSERT INTO readings (site_id, code, level, amount)
    SELECT 7, md5(n::text), n, n FROM generate_series(1, 20000) AS n;
    CREATE TABLE sites (id bigint PRIMARY KEY, name text NOT NULL);
    INSERT INTO sites VALUES (7, 'North');
    CREATE TABLE papers (id bigint PRIMARY KEY, title text NOT NULL);
    INSERT INTO papers SELECT 1, string_agg(md5(n::text), '') FROM generate_series(1, 200) AS n;
    CREATE MATERIALIZED VIEW site_names AS SELECT id, name FROM sites;
    ANALYZE`);
});

afterAll(() => fixture.close());

const SCOPE = 'SELECT id AS device_id, site_id FROM devices WHERE hardware = :mac_address::macaddr';

/** A file with one dataset, whose query begins at 8:7 and whose key at 6:11. */
function withQuery(query: string, key = '[id]', ...more: string[]): string {
  const lines = [`name: data`, `key: ${key}`, 'query: |', `  ${query}`, ...more];
  return `version: 1\nscope:\n  query: ${SCOPE}\ndatasets:\n  - ${lines.join('\n    ')}\n`;
}

const ofSite = 'FROM readings WHERE site_id = :site_id';

describe('datasets check warns', () => {
  it.each([
    [
      'of a sort that an index would spare',
      withQuery(`SELECT code, level ${ofSite}`, '[code]'),
      '8:7: each reading of dataset data sorts about 20,000 rows by its key (code); an index gives that order: ' +
        'CREATE INDEX ON readings (site_id, code COLLATE "C").',
    ],
    [
      'of a clock',
      withQuery(`SELECT id ${ofSite} AND at > now() - interval '90 days'`),
      '8:7: the rows of dataset data can change without a write, because it calls now(); central reads them again ' +
        'after each CENTRAL_POLL_INTERVAL. If that is not meant, compare with a column instead.',
    ],
    [
      'of what takes no trigger',
      withQuery('SELECT id, name FROM site_names WHERE id = :site_id'),
      '6:11: dataset data has id in its key, and site_names.id may be NULL; make it NOT NULL there, or add ' +
        'id IS NOT NULL to the query.',
      '8:7: the rows of dataset data can change without a write, because it reads the materialized view ' +
        'site_names; central reads them again after each CENTRAL_POLL_INTERVAL. If that is not meant, compare with ' +
        'a column instead.',
    ],
    [
      'of a key that may be NULL some day',
      withQuery(`SELECT note, id ${ofSite} AND id < 0`, '[note]'),
      '6:11: dataset data has note in its key, and readings.note may be NULL; make it NOT NULL there, or add ' +
        'note IS NOT NULL to the query.',
    ],
    [
      'of floating-point numbers in a key',
      withQuery(`SELECT level ${ofSite} AND id < 9`, '[level]'),
      '6:11: dataset data has the double precision level in its key, and floating-point numbers that look equal ' +
        'may not be; cast it to numeric with a scale, or to text.',
    ],
    [
      'of numbers without a scale in a key',
      withQuery(`SELECT amount ${ofSite} AND id < 9`, '[amount]'),
      '6:11: dataset data has the numeric amount in its key without a scale, so 1.0 and 1.00 are one key in two ' +
        'ways; cast it, for example to numeric(12,2) or bigint.',
    ],
    [
      'of keys and indexed texts that no index can take',
      withQuery('SELECT title, id FROM papers', '[title]', 'indexes: [[id, title]]'),
      '6:11: dataset data has 6.4 kB in its key (title) for 48:b0:2d:e9:c3:b7, and an index on the edge takes ' +
        '2.7 kB; leave the long column out, or use md5() of it.',
      '9:15: dataset data has 6.4 kB in its index (id, title) for 48:b0:2d:e9:c3:b7, and an index on the edge ' +
        'takes 2.7 kB; leave the long column out, or use md5() of it.',
    ],
    [
      'of indexes that are there already',
      withQuery('SELECT id, name FROM sites', '[id, name]', 'indexes: [[id], [name], [name]]'),
      '9:15: the index (id) of dataset data repeats the beginning of its key, which has an index anyhow; leave it out.',
      '9:29: the index (name) of dataset data repeats the beginning of its index (name); leave it out.',
    ],
    [
      'of a part of the rows that is not the same each time',
      withQuery('SELECT id FROM readings LIMIT 10'),
      '8:31: dataset data keeps a part of its rows, and which ones may be different at each reading; add ORDER BY ' +
        'with columns that are unique together.',
    ],
  ])('%s', async (_, source, ...messages) => {
    const { mistakes, warnings } = await fixture.check(source);
    expect({ mistakes, warnings }).toEqual({ mistakes: [], warnings: messages });
  });

  it('when it finds no device', async () => {
    const source = withQuery('SELECT id FROM sites').replace('hardware =', "'00:00:00:00:00:01'::macaddr =");
    expect((await fixture.check(source)).warnings).toEqual([
      '3:10: no active device was found in the tables of the scope query, so no rows were looked at, and keys may ' +
        'be NULL or repeated; name a device with --mac.',
    ]);
  });
});

describe('datasets check notes', () => {
  it.each([
    [
      'a dataset that is the same for all, and a parameter that nothing uses',
      withQuery('SELECT id FROM sites'),
      '3:10: the scope query returns site_id, which no dataset uses.',
      '8:7: dataset data uses no parameter, so every device gets the same rows.',
    ],
    [
      'columns that come by themselves',
      withQuery('SELECT s.* FROM sites s WHERE id = :site_id'),
      '8:16: dataset data takes every column with *, so a column that is added to the table goes to the devices ' +
        'after the next start of central; name the columns to have a say in that.',
    ],
    [
      'a sort that no index can spare',
      withQuery(
        `SELECT r.id, s.name, r.code FROM readings r JOIN sites s ON s.id = site_id WHERE site_id = :site_id`,
        '[name, code]',
      ),
      '8:7: each reading of dataset data sorts about 20,000 rows by its key (name, code), and no index can give ' +
        'that order, because its columns come from sites and readings.',
    ],
  ])('%s', async (_, source, ...messages) => {
    expect(await fixture.check(source)).toEqual({ mistakes: [], warnings: [], notes: messages });
  });

  it.each([
    ['a sort that PostgreSQL finds cheaper than the index that there is', withQuery(`SELECT id ${ofSite}`)],
    [
      'columns that are sorted out elsewhere',
      withQuery('SELECT id, (SELECT count(*) FROM sites LIMIT 1) AS n FROM sites WHERE id = :site_id'),
    ],
    [
      'a key that the query keeps from being NULL',
      withQuery(`SELECT note ${ofSite} AND note IS NOT NULL`, '[note]'),
    ],
  ])('nothing of %s', async (_, source) => {
    expect(await fixture.check(source)).toEqual({ mistakes: [], warnings: [], notes: [] });
  });
});
