import { CheckFixture } from '../../test/check-fixture';

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
    CREATE TABLE logs (id int, at int NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE INDEX ON logs (at); CREATE INDEX ON logs (at, id);
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
      'of a sort that an index would avoid',
      withQuery(`SELECT code, level ${ofSite}`, '[code]'),
      '8:7: dataset data: this query sorts 20,000 rows; an index on readings (site_id, code COLLATE "C") would avoid it.',
    ],
    [
      'of a clock',
      withQuery(`SELECT id ${ofSite} AND at > now() - interval '90 days'`),
      '8:7: dataset data can change without a write because it calls now(), so central re-reads it after each ' +
        'CENTRAL_POLL_INTERVAL. If that is not intended, compare with a column instead.',
    ],
    [
      'of what takes no trigger',
      withQuery('SELECT id, name FROM site_names WHERE id = :site_id'),
      '6:11: dataset data has id in its key, and site_names.id may be NULL; make that column NOT NULL, or add ' +
        'id IS NOT NULL to the query.',
      '8:7: dataset data can change without a write because it reads the materialized view site_names, so ' +
        'central re-reads it after each CENTRAL_POLL_INTERVAL. If that is not intended, compare with a column ' +
        'instead.',
    ],
    [
      'of a key that may be NULL some day',
      withQuery(`SELECT note, id ${ofSite} AND id < 0`, '[note]'),
      '6:11: dataset data has note in its key, and readings.note may be NULL; make that column NOT NULL, or add ' +
        'note IS NOT NULL to the query.',
    ],
    [
      'of floating-point numbers in a key',
      withQuery(`SELECT level ${ofSite} AND id < 9`, '[level]'),
      '6:11: dataset data has the double precision column level in its key, and floating-point numbers that look equal ' +
        'may differ; cast it to numeric with a scale, or to text.',
    ],
    [
      'of numbers without a scale in a key',
      withQuery(`SELECT amount ${ofSite} AND id < 9`, '[amount]'),
      '6:11: dataset data has the numeric column amount without a scale in its key, so 1.0 and 1.00 are equal keys with different ' +
        'texts; cast it, for example to numeric(12,2) or bigint.',
    ],
    [
      'of keys and indexed texts that no index can take',
      withQuery('SELECT title, id FROM papers', '[title]', 'indexes: [[id, title]]'),
      '6:11: dataset data has 6.4 kB in its key (title) for 48:b0:2d:e9:c3:b7; an index on the edge allows ' +
        '2.7 kB; leave out the long column, or use its md5().',
      '9:15: dataset data has 6.4 kB in its index (id, title) for 48:b0:2d:e9:c3:b7; an index on the edge ' +
        'allows 2.7 kB; leave out the long column, or use its md5().',
    ],
    [
      'of indexes that are there already',
      withQuery('SELECT id, name FROM sites', '[id, name]', 'indexes: [[id], [name], [name]]'),
      '9:15: the index (id) of dataset data repeats the beginning of its key, which is always indexed; remove it.',
      '9:29: the index (name) of dataset data repeats the beginning of its index (name); remove it.',
    ],
    [
      'of a part of the rows that is not the same each time',
      withQuery('SELECT id FROM readings LIMIT 10'),
      '8:31: dataset data returns only part of its rows, and that part can differ from one read to the next; add ' +
        'ORDER BY with columns that are unique together.',
    ],
  ])('%s', async (_, source, ...messages) => {
    const { mistakes, warnings } = await fixture.check(source);
    expect({ mistakes, warnings }).toEqual({ mistakes: [], warnings: messages });
  });

  const leak =
    'dataset data selects every column with *, so a column that is added to the table goes to the devices within ' +
    'seconds; list the columns in the query, or pin them: `columns: [id, name]`.';
  const inside =
    '8:7: dataset data makes one value of whole rows, such as to_jsonb(t), so a column that is added to the table goes ' +
    "to the devices within seconds, inside that value; name the columns, such as jsonb_build_object('id', t.id).";

  it.each([
    ['SELECT * FROM sites WHERE id = :site_id', `8:14: ${leak}`],
    ['SELECT s.* FROM sites s WHERE id = :site_id', `8:16: ${leak}`],
    ['SELECT DISTINCT ON (id) * FROM sites WHERE id = :site_id ORDER BY id, name', `8:31: ${leak}`],
    ['SELECT id, s.name FROM sites s WHERE id = :site_id UNION TABLE sites', `8:64: ${leak}`],
    ['(SELECT * FROM sites WHERE id = :site_id)', `8:15: ${leak}`],
    ['WITH s AS (SELECT * FROM sites) SELECT * FROM s WHERE id = :site_id', `8:46: ${leak}`],
    ['SELECT * FROM (SELECT 7 AS id) AS one JOIN sites USING (id) WHERE id = :site_id', `8:14: ${leak}`],
    [
      'SELECT * FROM (SELECT 7 AS n) AS one, sites WHERE id = :site_id AND n = 7'.replace('*', 'sites.*'),
      `8:20: ${leak}`,
    ],
    ['SELECT id, to_jsonb(s) AS name FROM sites s WHERE id = :site_id', inside],
    ['SELECT id, s::text AS name FROM sites s WHERE id = :site_id', inside],
    ['SELECT id, (SELECT json_agg(s.*)::text FROM sites s) AS name FROM sites WHERE id = :site_id', inside],
  ])('select-star: of columns that reach devices unnamed: %s', async (query, message) => {
    expect((await fixture.check(withQuery(query))).warnings).toEqual([message]);
  });

  it.each([
    'SELECT id, name FROM sites WHERE id = :site_id',
    'SELECT * FROM (SELECT id, name FROM sites) AS s WHERE id = :site_id',
    'WITH s AS (SELECT id, name FROM sites) SELECT * FROM s WHERE id = :site_id',
    'SELECT id, 2 * (id + 1) AS two, (SELECT count(*) FROM sites) AS n FROM sites WHERE id = :site_id',
    'SELECT id, (SELECT count(s) FROM sites s) AS n FROM sites WHERE id = :site_id AND EXISTS (SELECT * FROM papers)',
  ])('of no columns where each is named: %s', async (query) => {
    expect((await fixture.check(withQuery(query))).warnings).toEqual([]);
  });

  it('of no columns where they are pinned', async () => {
    const source = withQuery('SELECT * FROM sites WHERE id = :site_id', '[id]', 'columns: [id, name]');
    expect(await fixture.check(source)).toEqual({ mistakes: [], warnings: [], notes: [] });
  });

  it('of a query for which many partitions are locked, and of none where they are left out', async () => {
    const { rows } = await fixture.database.pool.query<{ room: number }>(
      `SELECT current_setting('max_locks_per_transaction')::int
         * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) AS room`,
    );
    // Each with three indexes.
    const partitions = Math.ceil(rows[0]!.room / 16) + 1;
    await fixture.database.pool.query(
      `DO $$ BEGIN FOR i IN 1..${partitions} LOOP
         EXECUTE format('CREATE TABLE logs_%s PARTITION OF logs FOR VALUES FROM (%s) TO (%s)', i, i, i + 1);
         IF i % 50 = 0 THEN COMMIT; END IF;
       END LOOP; END $$`,
    );
    const all = await fixture.check(withQuery('SELECT id, at FROM logs WHERE at > :site_id', '[id, at]'));
    expect(all.warnings).toEqual([
      expect.stringMatching(
        /^8:7: dataset data makes PostgreSQL lock [\d,]+ tables, partitions and indexes at once/,
      ),
    ]);
    const few = await fixture.check(
      withQuery('SELECT id, at FROM logs WHERE at < 9 AND at > :site_id', '[id, at]'),
    );
    expect(few.warnings).toEqual([]);
  });

  it('when it finds no device', async () => {
    const source = withQuery('SELECT id FROM sites').replace('hardware =', "'00:00:00:00:00:01'::macaddr =");
    expect((await fixture.check(source)).warnings).toEqual([
      '3:10: no active device was found in the tables of the scope query, so no rows were checked, and keys may ' +
        'be NULL or not unique; specify a device with --mac.',
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
      'columns that are not sent',
      withQuery('SELECT * FROM sites WHERE id = :site_id', '[id]', 'columns: [id]'),
      '8:7: the query of dataset data also returns name, which `columns:` does not name and which is not sent.',
    ],
  ])('%s', async (_, source, ...messages) => {
    expect(await fixture.check(source)).toEqual({ mistakes: [], warnings: [], notes: messages });
  });

  it.each([
    ['a sort that PostgreSQL finds cheaper than the existing index', withQuery(`SELECT id ${ofSite}`)],
    [
      'a sort that no index would avoid',
      withQuery(
        `SELECT r.id, s.name, r.code FROM readings r JOIN sites s ON s.id = site_id WHERE site_id = :site_id`,
        '[name, code]',
      ),
    ],
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
