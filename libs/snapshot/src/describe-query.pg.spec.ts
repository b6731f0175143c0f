import { inTransaction, withClient } from '@rivulet/postgres';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import {
  bindQuery,
  describeQuery,
  unalterableTypes,
  type DescribedColumn,
  type KnownTypes,
  type Parameters,
} from './describe-query';
import { parseQueryTemplate, QueryTextError } from './query-template';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(`
    CREATE TYPE mood AS ENUM ('calm', 'cross');
    CREATE TYPE pair AS (x int, y int);
    CREATE TYPE spans AS RANGE (subtype = int4);
    CREATE DOMAIN price AS numeric(6,2) CHECK (VALUE > 0);
    CREATE DOMAIN net_price AS price;
    CREATE DOMAIN humour AS mood;
    CREATE DOMAIN tags AS character varying(5)[];
    CREATE DOMAIN humours AS mood[];
    CREATE TABLE readings (id bigint, value numeric(12,3), "Odd ""name""" text);

    CREATE SCHEMA ext;
    CREATE TYPE ext.label;
    CREATE FUNCTION ext.label_in(cstring) RETURNS ext.label AS 'textin' LANGUAGE internal STRICT IMMUTABLE;
    CREATE FUNCTION ext.label_out(ext.label) RETURNS cstring AS 'textout' LANGUAGE internal STRICT IMMUTABLE;
    CREATE TYPE ext.label (INPUT = ext.label_in, OUTPUT = ext.label_out, LIKE = text);

    CREATE SCHEMA "Ext 1";
    CREATE EXTENSION citext SCHEMA "Ext 1"; CREATE EXTENSION hstore; CREATE EXTENSION ltree SCHEMA ext;
    CREATE EXTENSION cube; CREATE EXTENSION seg SCHEMA ext;
    CREATE DOMAIN address AS "Ext 1".citext;
    CREATE DOMAIN addresses AS "Ext 1".citext[];
    CREATE TYPE ext.weather AS ENUM ('fair'); ALTER EXTENSION seg ADD TYPE ext.weather;
    CREATE SCHEMA citext; CREATE TYPE citext.citext AS RANGE (subtype = int8);`);
});

afterAll(() => database.drop());

function columnsOf(query: string, parameters: Parameters = new Map()): Promise<DescribedColumn[]> {
  return withClient(database.pool, (client) => describeQuery(client, parseQueryTemplate(query), parameters));
}

async function describeType(type: string): Promise<DescribedColumn> {
  const [column] = await columnsOf(`SELECT NULL::${type} AS c`);
  return column!;
}

/** The message for a query that PostgreSQL refuses, and the text from the place on that it complains about. */
async function refusalOf(query: string, parameters?: Parameters): Promise<{ message: string; at: string }> {
  const error = await columnsOf(query, parameters).catch((thrown: unknown) => thrown);
  if (!(error instanceof QueryTextError)) throw new Error('It was not refused.', { cause: error });
  return { message: error.message, at: query.slice(error.offset) };
}

const scalarTypes = `
  boolean|smallint|integer|bigint|real|double precision|numeric|numeric(10,2)|money|oid
  text|character varying|character varying(10)|character(3)|bpchar|"char"|name|bytea|bit(3)|"bit"|bit varying(5)
  uuid|date|time without time zone|time(3) without time zone|time(0) with time zone
  timestamp without time zone|timestamp(3) without time zone|timestamp(6) with time zone
  interval|interval(2)|interval year to month|interval day to second(3)
  json|jsonb|jsonpath|xml|tsvector|tsquery|inet|cidr|macaddr|macaddr8|pg_lsn
  xid|xid8|cid|pg_snapshot|txid_snapshot|refcursor
  point|line|lseg|box|path|polygon|circle
  int4range|int8range|numrange|tsrange|tstzrange|daterange
  int4multirange|int8multirange|nummultirange|tsmultirange|tstzmultirange|datemultirange`
  .trim()
  .split(/\s*[|\n]\s*/);

describe('a described column', () => {
  it('keeps its type, with its typmod, whether scalar or array', async () => {
    const types = scalarTypes.flatMap((type) => [type, `${type}[]`]);
    const columns = await columnsOf(
      `SELECT ${types.map((type, index) => `NULL::${type} AS c${index}`).join(', ')}`,
    );
    expect(columns.map((column) => column.type)).toEqual(types);
    expect(columns.map((column) => column.sourceType)).toEqual(types);
    expect(columns.filter((column) => column.refusal ?? column.castTo)).toEqual([]);
  });

  it.each([
    ['an enum', 'mood', 'text', 'text'],
    ['an array of enums', 'mood[]', 'text[]', 'text[]'],
    ['a domain over an enum', 'humour', 'text', 'text'],
    ['an array of those', 'humour[]', 'text[]', 'text[]'],
    ['a domain over an array of enums', 'humours', 'text[]', 'text[]'],
    ['an array of domains', 'price[]', 'numeric(6,2)[]', 'numeric(6,2)[]'],
    ['an array of domains over domains', 'net_price[]', 'numeric(6,2)[]', 'numeric(6,2)[]'],
    ['an array type of the catalogue', 'int2vector', 'smallint[]', 'smallint[]'],
    // PostgreSQL itself gives the base type of these.
    ['a domain', 'price', 'numeric(6,2)', undefined],
    ['a domain over a domain', 'net_price', 'numeric(6,2)', undefined],
    ['a domain over an array', 'tags', 'character varying(5)[]', undefined],
  ])('of %s has a type that every server has', async (_, asked, type, castTo) => {
    expect(await describeType(asked)).toMatchObject({ type, castTo, refusal: undefined });
  });

  it.each([
    ['regclass', 'regclass'],
    ['regtype[]', 'regtype[]'],
    ['tid', 'tid'],
    ['aclitem', 'aclitem'],
    ['pair', 'pair'],
    ['pair[]', 'pair[]'],
    ['readings', 'readings'],
    ['record', 'record'],
    ['spans', 'spans'],
    ['ext.label', 'ext.label'],
    ['ext.label[]', 'ext.label[]'],
    ['tags[]', 'character varying(5)[][]'],
  ])('of type %s is refused by name', async (type, named) => {
    const { refusal } = await describeType(type);
    expect(refusal).toBe(`its type ${named} cannot be carried exactly`);
  });

  it.each([
    ['"Ext 1".citext', 'citext.citext', undefined],
    ['"Ext 1".citext[]', 'citext.citext[]', undefined],
    ['hstore', 'hstore.hstore', undefined],
    ['ext.ltree', 'ltree.ltree', undefined],
    ['ext.lquery[]', 'ltree.lquery[]', undefined],
    ['ext.ltxtquery', 'ltree.ltxtquery', undefined],
    ['cube', 'cube.cube', undefined],
    ['address', 'citext.citext', undefined],
    ['addresses', 'citext.citext[]', undefined],
    ['address[]', 'citext.citext[]', '"Ext 1".citext[]'],
    ['ext.weather', 'text', 'text'],
  ])('of type %s is named by its extension, wherever that is: %s', async (asked, type, castTo) => {
    expect(await describeType(asked)).toMatchObject({ type, castTo, refusal: undefined });
  });

  it.each([
    ['ext.seg', 'ext.seg of the extension seg'],
    ['ext.seg[]', 'ext.seg[] of the extension seg'],
    ['citext.citext', 'citext.citext'],
  ])('of type %s is refused by name and extension', async (type, named) => {
    expect((await describeType(type)).refusal).toBe(`its type ${named} cannot be carried exactly`);
  });

  it('has values that are equal and differ as text if its type has', async () => {
    const many = `real|double precision|numeric|bpchar|interval|interval(2)|numrange|nummultirange|tsquery`;
    const types = scalarTypes.filter(
      (type) => !/^json|^xml|^point|^line|^lseg|^box|^path|^polygon|^circle/.test(type),
    );
    for (const type of types) {
      const expected = [type, many.split('|').includes(type) || type.startsWith('interval')];
      expect([type, (await describeType(type)).equalInManyTexts]).toEqual(expected);
      expect([type, (await describeType(`${type}[]`)).equalInManyTexts]).toEqual(expected);
    }
    expect((await describeType('price')).equalInManyTexts).toBe(false);
  });

  it('is known by the name that the query gives it, also when another has the same', async () => {
    const columns = await columnsOf('SELECT 1, 2, 3 AS a, 4 AS a, "Odd ""name""" FROM readings');
    expect(columns.map((column) => column.name)).toEqual(['?column?', '?column?', 'a', 'a', 'Odd "name"']);
  });

  it('is compared by a collation if it is text, an array of text, or becomes text', async () => {
    const types = ['text', 'character varying(3)', 'bpchar', 'name', 'text[]', 'mood', 'mood[]', 'humour'];
    const others = ['bigint', 'uuid', 'bytea', 'date', '"char"', 'jsonb', 'bigint[]', 'price', 'tsvector'];
    for (const type of types) expect([type, (await describeType(type)).collatable]).toEqual([type, true]);
    for (const type of others) expect([type, (await describeType(type)).collatable]).toEqual([type, false]);
  });

  it.each([
    ['text', true, true],
    ['numeric(10,2)[]', true, true],
    ['tstzrange', true, true],
    ['jsonb', true, false],
    ['jsonb[]', true, false],
    ['json', false, false],
    ['point[]', false, false],
    ['xml', false, false],
    ['ext.ltree', true, true],
    ['ext.ltree[]', true, true],
    ['ext.lquery', false, false],
    ['ext.ltxtquery', false, false],
    ['"Ext 1".citext', true, false],
    ['hstore[]', true, false],
    ['cube', true, false],
  ])('of type %s is sortable: %s, alike on every server: %s', async (type, sortable, sortedAlike) => {
    expect(await describeType(type)).toMatchObject({ sortable, sortedAlike });
  });

  it('is sortable if and only if PostgreSQL says so', async () => {
    for (const type of scalarTypes.flatMap((scalar) => [scalar, `${scalar}[]`])) {
      const sorts = await database.pool.query(`SELECT NULL::${type} AS c ORDER BY c`).then(
        () => true,
        () => false,
      );
      expect([type, (await describeType(type)).sortable]).toEqual([type, sorts]);
    }
  });
});

describe('a query is described', () => {
  it('without being run', async () => {
    await expect(columnsOf('SELECT 1 / (random() * 0)::int, pg_sleep(3600)::text')).resolves.toHaveLength(2);
  });

  it('in whichever form returns rows', async () => {
    for (const query of [
      'VALUES (1, 2)',
      'TABLE readings',
      'WITH a AS (SELECT 1) TABLE a;',
      'SELECT 1 -- the end',
      'SELECT FROM readings',
      '(SELECT 1) UNION ALL (SELECT 2)',
    ]) {
      await expect(columnsOf(query)).resolves.toBeInstanceOf(Array);
    }
  });

  it('with its parameters as typed values', async () => {
    const parameters: Parameters = new Map([
      ['name', { type: 'character varying(3)', value: "it's \\ 1" }],
      ['ids', { type: 'bigint[]', value: null }],
    ]);
    const columns = await columnsOf('SELECT :name AS name, :ids AS ids', parameters);
    expect(columns.map((column) => column.type)).toEqual(['character varying(3)', 'bigint[]']);
    expect(bindQuery(parseQueryTemplate('SELECT :name, :ids'), parameters)).toBe(
      String.raw`SELECT ( E'it''s \\ 1'::character varying(3)), (NULL::bigint[])`,
    );
  });
});

describe('a query that PostgreSQL refuses', () => {
  const parameters: Parameters = new Map([['device_id', { type: 'bigint', value: '4711' }]]);

  it.each([
    ['a misspelt keyword', 'SELECT id\nFORM readings', 'syntax error at or near "readings"', 'readings'],
    ['an unknown relation', 'SELECT 1 FROM nowhere', 'relation "nowhere" does not exist', 'nowhere'],
    ['an unknown function', 'SELECT 1, nope(1)', /^function nope\(integer\) does not exist/, 'nope(1)'],
    [
      'an unknown column, with what it may be meant to be',
      'SELECT r.valeu FROM readings r',
      'column r.valeu does not exist. Perhaps you meant to reference the column "r.value"',
      'r.valeu FROM readings r',
    ],
    [
      'what follows parameters',
      'SELECT :device_id, :device_id, nope FROM readings',
      'column "nope" does not exist',
      'nope FROM readings',
    ],
    [
      'a parameter of the wrong type',
      `SELECT 1 FROM readings r WHERE "Odd ""name""" = :device_id`,
      /^operator does not exist: text = bigint\. .*explicit type casts$/,
      '= :device_id',
    ],
    ['what follows an emoji', `SELECT '😀', nope`, 'column "nope" does not exist', 'nope'],
    ['a text that does not end', `SELECT E'a\\'`, /^this quote is never closed$/, `E'a\\'`],
    ['a change of data', 'DELETE FROM readings', 'syntax error at or near "FROM"', 'FROM readings'],
  ])('is refused at %s', async (_, query, message, at) => {
    const refusal = await refusalOf(query, parameters);
    expect(refusal).toEqual({ message: expect.stringMatching(message), at });
  });

  it.each(['SELECT id FROM', 'SELECT (1', 'SELECT 1)', 'SELECT id FROM readings WHERE \n', '-- nothing'])(
    'because it does not end well is refused at its end: %j',
    async (query) => {
      expect(await refusalOf(query)).toEqual({
        message:
          'syntax error at the end of the query; it is incomplete, or has a closing parenthesis too many',
        at: query.slice(query.trimEnd().length),
      });
    },
  );

  it('is refused if it takes locks, in a transaction that only reads', async () => {
    const limits = { readOnly: true, statementTimeoutMs: 0, lockTimeoutMs: 0, idleTimeoutMs: 0 };
    const refused = withClient(database.pool, (client) =>
      inTransaction(client, limits, () =>
        describeQuery(client, parseQueryTemplate('SELECT id FROM readings FOR UPDATE'), new Map()),
      ),
    );
    await expect(refused).rejects.toThrow('cannot execute SELECT FOR UPDATE in a read-only transaction');
  });
});

it('keeps the types that nobody can alter, and no others', async () => {
  const known: KnownTypes = new Map();
  const query = `SELECT id, value, ARRAY[1] AS list, 1::price AS domain, 'calm'::mood AS enum FROM readings`;
  const describe = () =>
    withClient(database.pool, (client) => describeQuery(client, parseQueryTemplate(query), new Map(), known));
  const described = await describe();
  expect(known.size).toBe(5);
  const kept = unalterableTypes(known);
  expect([...kept.values()].map(({ sourceType }) => sourceType)).toEqual([
    'bigint',
    'numeric(12,3)',
    'integer[]',
    // PostgreSQL itself says this of the domain.
    'numeric(6,2)',
  ]);
  known.clear();
  for (const [key, type] of kept) known.set(key, type);
  expect(await describe()).toEqual(described);
});
