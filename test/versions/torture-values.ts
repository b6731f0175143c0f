/** Types that every version has, and values that every version reads and prints alike. */
export const tortureValues: Record<string, string[]> = {
  boolean: ['t', 'f'],
  smallint: ['-32768', '0', '32767'],
  integer: ['-2147483648', '0', '2147483647'],
  bigint: ['-9223372036854775808', '9007199254740993', '9223372036854775807'],
  real: values`
    NaN ¦ Infinity ¦ -Infinity ¦ -0 ¦ 1e-45 ¦ 3.4028235e38 ¦ 0.1 ¦ 16777216 ¦ 1e6 ¦ 1e7 ¦ 1e15`,
  'double precision': values`
    NaN ¦ Infinity ¦ -Infinity ¦ -0 ¦ 5e-324 ¦ 1.7976931348623157e308 ¦ 0.1 ¦ 0.30000000000000004 ¦ 1e14 ¦
    1e15 ¦ 1e16 ¦ 123456789012345680 ¦ 1e-4 ¦ 1e-5 ¦ 9007199254740994`,
  numeric: values`
    NaN ¦ Infinity ¦ -Infinity ¦ 1.10 ¦ 0.000 ¦ 1e-16383 ¦ 1e131071 ¦ -123456789012345678901234567890.12 ¦
    1e16 ¦ 10000 ¦ 9999.9999`,
  'numeric(12,3)': ['NaN', '1.0005', '-999999999.999'],
  'numeric(1000,1000)': ['0.1'],
  money: ['1234567.5', '-0.01', '-92233720368547758.08', '92233720368547758.07', '0'],
  oid: ['0', '4294967295'],
  text: ['', '\t\n\r\b\f\v\\', 'a\u0308', '\u0001\u007f\u0080'].concat(values`
    \N ¦ \. ¦ . ¦ 😀 ¦ ä ¦ B ¦ a ¦ NULL ¦ ' ¦ "`),
  'character varying': ['', ' a ', 'ß'],
  'character varying(4)': ['ab  ', 'ÄÖÜß'],
  'character(3)': ['a', ' a', 'äöü', ''],
  bpchar: ['a  ', 'a'],
  '"char"': ['a', '', '\\', "'"],
  name: ['x'.repeat(63), 'ä', ''],
  bytea: ['\\x', '\\x00ff5c0a', '\\x5c78'],
  'bit(3)': ['101', '000'],
  '"bit"': ['101', ''],
  'bit varying(9)': ['', '0101'],
  uuid: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00000000-0000-0000-0000-000000000000'],
  date: values`
    infinity ¦ -infinity ¦ 4713-11-24 BC ¦ 5874897-12-31 ¦ 0001-01-01 ¦ 10000-01-01 ¦ 0044-03-15 BC ¦
    2000-02-29 ¦ 1582-10-10`,
  'timestamp without time zone': values`
    infinity ¦ -infinity ¦ 4713-11-24 00:00:00 BC ¦ 294276-12-31 23:59:59.999999 ¦ 2000-01-01 00:00:00.1 ¦
    2026-11-21 24:00:00 ¦ 2026-06-30 23:59:60 ¦ 1999-12-31 23:59:59.999999`,
  'timestamp(3) without time zone': ['2000-01-01 00:00:00.12345', '2000-01-01 00:00:00.9996'],
  'timestamp with time zone': values`
    infinity ¦ -infinity ¦ 4713-11-24 00:00:00+00 BC ¦ 294276-12-31 23:59:59.999999+00 ¦
    2026-11-21 12:00:00.123456+05:30 ¦ 1890-01-01 00:00:00+00:53:28`,
  'timestamp(0) with time zone': ['2000-01-01 00:00:00.5+00'],
  'time without time zone': ['00:00', '24:00', '23:59:59.999999', '23:59:60'],
  'time(2) without time zone': ['12:00:00.005'],
  'time with time zone': ['12:00+05:30', '24:00-15:59:59', '00:00+15:59', '12:00:00.1+00:00:01'],
  interval: values`
    00:00 ¦ 1 mon 1 day 1 sec ¦ -1 year 2 mons -3 days +04:05:06.000001 ¦ 0.1 mon ¦ 1.5 years ¦
    1 day ago ¦ P1Y2M3DT4H5M6S ¦ -0.5 seconds ¦ 178956970 years 7 mons ¦ -178956970 years ¦
    2147483647 days ¦ 24:00 ¦ 2147483647:59:59.999999 ¦ -2147483647:59:59.999999`,
  'interval(0)': ['1.5 sec'],
  'interval year to month': ['1-2'],
  'interval day to second(3)': ['1 2:03:04.5678'],
  json: ['{"b":1, "a" : "\\n"}', ' [1 , 2]\n', '"\\u0000"', '1e400', '"\\ud83d"', '{"a":1,"a":2}'],
  jsonb: values`
    {"bb":1.0,"a":2} ¦ 1e400 ¦ "\u00e9" ¦ 1.10 ¦ -0 ¦ [] ¦ 1E+2 ¦ "\ud83d\ude00" ¦ {"a":1,"a":2}`,
  jsonpath: values`
    $ ¦ $.a[*] ? (@.b > 1.0) ¦ strict $.a ¦ $.**{2 to 3} ¦ 1e2 ¦ -1 ¦ $[last] ¦ $."a\u0041\n" ¦ $"v w" ¦
    $ ? (@ like_regex "a" flag "i") ¦ $.a.datetime("HH24:MI") ¦ $.a.double().abs() ¦ -$.a ¦ $.keyvalue() ¦
    $.a ? (exists (@.b) && !(@.c == null) || (@.d == 1) is unknown) ¦ $ ? (@ starts with "a")`,
  xml: [''].concat(values`
    <a/> ¦ <a>é &amp; </a> ¦ text ¦ <a>&#10;</a> ¦ <!DOCTYPE a><a/> ¦
    <?xml version="1.0" encoding="ISO-8859-1"?><a/>`),
  tsvector: [''].concat(values`
    'a':1A,2 'b':3C ¦ a b c ¦ 'it''s' 'a\\b' ¦ 'x':16383,16384 ¦ a:1 a:2 a:1B ¦ é ¦ ' ' 'a b'`),
  tsquery: [''].concat(values`
    'a' & 'b' ¦ !'a' <-> 'b' ¦ 'a':*AB | ('c' & !'d') ¦ !!a ¦ a <2> b ¦ (a|b) <-> (c&d) ¦ a <0> b ¦
    a <-> (b <-> c) ¦ (a <-> b) <-> c ¦ a <16384> b ¦ 'it''s' ¦ '\\' ¦ a | b & c ¦ !(a & b)`),
  inet: ['192.168.0.1/24', '::1', '::ffff:1.2.3.4', '10.0.0.1', 'fe80::1/10', '1.2.3.4/0'],
  cidr: ['10.0.0.0/8', '::/0', '::ffff:0:0/96', '192.168.1.0/24'],
  macaddr: ['48:B0:2D:E9:C3:B7'],
  macaddr8: ['08:00:2b:01:02:03:04:05'],
  pg_lsn: ['0/0', 'FFFFFFFF/FFFFFFFF', '1/A'],
  xid: ['0', '4294967295'],
  xid8: ['0', '18446744073709551615'],
  cid: ['5'],
  pg_snapshot: ['10:20:10,14,15', '1:1:'],
  txid_snapshot: ['10:20:10,14,15'],
  refcursor: ['a b'],
  point: ['(NaN,Infinity)', '(-0,1e-320)', '(1e308,0.1)'],
  line: ['{1,-1,0}', '{1,0,NaN}', '{-0,1,0}', '[(0,0),(1,3)]'],
  lseg: ['[(0,0),(1,1)]'],
  box: ['(1,1),(0,0)', '(-0,0),(0,-0)', '(NaN,1),(0,0)'],
  path: ['((0,0),(1,1))', '[(0,0)]'],
  polygon: ['((0,0),(1,1),(2,0))'],
  circle: ['<(0,0),1>', '<(NaN,0),Infinity>'],
  int4range: ['empty', '[1,5]', '(,)', '(,5]'],
  int8range: ['[1,1]', 'empty'],
  numrange: ['[1.0,2.50)', '[NaN,]', '[-Infinity,Infinity]', '(,Infinity)', '[1.00,2.5)'],
  tsrange: ['[infinity,infinity]', '["2026-01-01","2026-02-01")', '[-infinity,]'],
  tstzrange: ['["2026-01-01 00:00+05:30",)'],
  daterange: ['[2026-01-01,2026-02-01]', '[,infinity]', '[-infinity,2026-01-01]', '(-infinity,infinity)'],
  int4multirange: ['{}', '{[1,2],[3,4],[9,9]}', '{(,1),[5,)}'],
  int8multirange: ['{[1,2)}'],
  nummultirange: ['{[1.0,2.0),[2.00,3]}'],
  tsmultirange: ['{}', '{[2026-01-01,2026-01-02)}'],
  tstzmultirange: ['{["2026-01-01 00:00+01",infinity]}'],
  datemultirange: ['{[2026-01-01,2026-01-02],(2026-01-02,)}'],
  'integer[]': ['[0:1]={1,2}', '{}', '{{1,2},{3,NULL}}', '[2:2][-1:0]={{1,2}}'],
  'text[]': ['{"a,b","\\"",NULL,"NULL","","\\\\"," a",a b,"{"}', '{}', '{B}', '{a}'],
  int2vector: ['1 -2', ''],
  oidvector: ['1 2 3', ''],
  mood: ['calm', 'it\'s, "odd" {}', 'Cross'],
  'mood[]': ['{calm,NULL,"it\'s, \\"odd\\" {}"}'],
  price: ['1.10', '0'],
  'price[]': ['{1.10,2}'],
};

/** The types `mood` and `price`. */
export const createTortureTypes = `
  CREATE TYPE mood AS ENUM ('calm', 'Cross', 'it''s, "odd" {}');
  CREATE DOMAIN price AS numeric(8,2) CHECK (VALUE >= 0)`;

/** Values between `¦`, with backslashes as they stand. */
function values({ raw }: TemplateStringsArray): string[] {
  return raw[0]!.trim().split(/\s*¦\s*/);
}
