import { CheckFixture } from '../../test/check-fixture';
import { runDatasetsTool } from '../../test/run-datasets-tool';

const MAC = '48:b0:2d:e9:c3:b7';

let fixture: CheckFixture;

beforeAll(async () => {
  fixture = await CheckFixture.create(`
    CREATE TABLE shifts (id int PRIMARY KEY, at timestamptz NOT NULL, local timestamp, pause interval, pay money, note text);
    INSERT INTO shifts VALUES (1, '2026-11-26 20:00+00'), (2, '2026-11-26 10:00+00');
    CREATE TABLE events (id int PRIMARY KEY, d date);
    INSERT INTO events VALUES (1, '2002-02-20'), (2, '2026-02-01'), (3, '2020-01-01');
    CREATE VIEW days AS SELECT id, at::date AS day FROM shifts`);
  const name = new URL(fixture.database.url).pathname.slice(1);
  await fixture.database.pool.query(`
    ALTER DATABASE ${name} SET timezone = 'Asia/Kolkata'; ALTER DATABASE ${name} SET datestyle = 'German, DMY';
    ALTER DATABASE ${name} SET intervalstyle = 'iso_8601'`);
});

afterAll(() => fixture.close());

/** The findings of check for a query, as `line:column: …`, without those that every dataset has. */
async function findings(
  query: string,
  url = fixture.database.url,
): Promise<Record<'warnings' | 'notes', string[]>> {
  const file = fixture.write(`version: 1
scope:
  query: SELECT 1 AS device_id WHERE :mac_address = '${MAC}'
datasets:
  - name: data
    key: [id]
    query: |
      ${query}
`);
  const { output } = await runDatasetsTool(url, ['check', '--json', '--file', file, '--mac', MAC]);
  const report = JSON.parse(output) as Record<
    'mistakes' | 'warnings' | 'notes',
    { place: string; problem: string }[]
  >;
  expect(report.mistakes).toEqual([]);
  const told = (kind: 'warnings' | 'notes'): string[] =>
    report[kind]
      .filter(({ problem }) => problem.includes('of the session'))
      .map(({ place, problem }) => `${place.replace(`${file}:`, '')}: ${problem}`);
  return { warnings: told('warnings'), notes: told('notes') };
}

describe('datasets check warns of what depends on a setting of the session (source-date-settings)', () => {
  it('with the expression, its place, both values and a cure', async () => {
    expect((await findings('SELECT id, at::date AS day FROM shifts')).warnings).toEqual([
      '8:18: dataset data has a cast to date (at::date), which depends on TimeZone of the session: central reads with ' +
        'UTC, and sessions of the source have Asia/Kolkata unless they set it, so that devices can get other values than ' +
        "psql shows; name the zone that is meant, such as at AT TIME ZONE 'Asia/Kolkata'",
    ]);
    expect((await findings(`SELECT id, d FROM events WHERE d >= '01/02/26'`)).warnings).toEqual([
      "8:43: dataset data has the text '01/02/26', which depends on DateStyle of the session: central reads with ISO, YMD, " +
        'and sessions of the source have German, DMY unless they set it, so that devices can get other values than psql ' +
        "shows; write dates as '2026-02-01', or read texts with to_date(…, 'DD/MM/YY') or to_timestamp()",
    ]);
  });

  it.each([
    ['now()::date', 'SELECT id, now()::date AS x FROM shifts', 'a cast to date (now()::date)'],
    ['CAST', 'SELECT id, CAST(s.at AS date) AS x FROM shifts s', 'a cast to date (CAST(s.at AS date))'],
    ['date()', 'SELECT id, date(at) AS x FROM shifts', 'date() (date(at))'],
    [
      'date_trunc',
      `SELECT id, date_trunc('day', at) AS x FROM shifts`,
      `date_trunc() (date_trunc('day', at))`,
    ],
    ['extract', 'SELECT id, extract(hour FROM at) AS x FROM shifts', 'extract() (extract(hour FROM at))'],
    ['date_part', `SELECT id, date_part('dow', at) AS x FROM shifts`, `date_part() (date_part('dow', at))`],
    ['to_char', `SELECT id, to_char(at, 'DD') AS x FROM shifts`, `to_char() (to_char(at, 'DD'))`],
    ['CURRENT_DATE', 'SELECT id FROM events WHERE d <= CURRENT_DATE', 'CURRENT_DATE'],
    ['a comparison', 'SELECT id FROM shifts WHERE at > local', 'the operator >'],
    [
      'a cast to timestamp',
      'SELECT id, at::timestamp AS x FROM shifts',
      'a cast to timestamp without time zone (at::timestamp)',
    ],
    [
      'a moment without a zone',
      `SELECT id FROM shifts WHERE at > '2026-01-01 10:00'`,
      `the text '2026-01-01 10:00'`,
    ],
    [
      'a text that is cast',
      'SELECT id, note::date AS x FROM shifts WHERE note IS NOT NULL',
      'a cast of text to date (note::date)',
    ],
    ['a date that becomes a text', `SELECT id, d::text AS x FROM events`, 'a cast of date to text (d::text)'],
    ['a date in a text', `SELECT id, concat('x', d) AS x FROM events`, `concat() (concat('x', d))`],
    [
      'a moment in JSON',
      'SELECT id, jsonb_build_object(1, at) AS x FROM shifts',
      'jsonb_build_object() (jsonb_build_object(1, at))',
    ],
    [
      'an interval as a text',
      'SELECT id, pause::text AS x FROM shifts',
      'a cast of interval to text (pause::text)',
    ],
    ['what a view does', 'SELECT id, day FROM days', 'a cast to date'],
  ])('%s', async (_, query, what) => {
    const { warnings } = await findings(query);
    expect(
      warnings.map((text) => text.replace(/^[\d:]+ dataset data has /, '').split(', which depends', 1)[0]),
    ).toContain(what);
  });

  it.each([
    ['a zone that is named', `SELECT id, (at AT TIME ZONE 'Asia/Kolkata')::date AS x FROM shifts`],
    ['the seconds since 1970', 'SELECT id, extract(epoch FROM at) AS x FROM shifts'],
    ['a date as ISO writes it', `SELECT id FROM events WHERE d >= '2026-02-01'`],
    ['a moment with a zone', `SELECT id FROM shifts WHERE at >= '2026-02-01 10:00+01'`],
    ['a part of a date', 'SELECT id, extract(year FROM d) AS x FROM events'],
    ['numbers that look like a date', `SELECT id, note FROM shifts WHERE note = '01/02/26'`],
  ])('nothing of %s', async (_, query) => {
    expect(await findings(query)).toEqual({ warnings: [], notes: [] });
  });

  it('as a note where the sessions of the source have the same', async () => {
    const url = new URL(fixture.database.url);
    url.searchParams.set('options', '-c timezone=UTC -c datestyle=ISO,YMD');
    const found = await findings('SELECT id, at::date AS day FROM shifts', url.href);
    expect(found).toEqual({
      warnings: [],
      notes: [
        '8:18: dataset data has a cast to date (at::date), which depends on TimeZone of the session: central reads with UTC, ' +
          'whatever other sessions have',
      ],
    });
  });
});
