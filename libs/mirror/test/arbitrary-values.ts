import { testServerVersion } from '@rivulet/testing';
import fc from 'fast-check';

// Values, in texts that PostgreSQL reads as the type.
const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((value) => !value.includes('\0'));
const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 9 });
const padded = (digits: number, max: number): fc.Arbitrary<string> =>
  fc.nat({ max }).map((value) => String(value).padStart(digits, '0'));
const whole = (bits: bigint): fc.Arbitrary<string> =>
  fc.bigInt({ min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n }).map(String);
const float = fc.oneof(fc.double(), fc.constantFrom(-0, NaN, Infinity, -Infinity, 2 ** 53 + 2));
const floatText = float.map((value) => (Object.is(value, -0) ? '-0' : String(value)));
const clock = fc
  .tuple(padded(2, 23), padded(2, 59), padded(2, 59), padded(6, 999_999))
  .map(([hour, minute, second, micros]) => `${hour}:${minute}:${second}.${micros}`);
const day = fc
  .tuple(fc.integer({ min: 1, max: 9_999 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map(([year, month, date]) => `${String(year).padStart(4, '0')}-${month}-${date}`);
const era = fc.constantFrom('', ' BC');
const date = fc.oneof(
  fc
    .tuple(day, era)
    .filter(([value, suffix]) => suffix === '' || value < '4700')
    .map((parts) => parts.join('')),
  fc.constantFrom('infinity', '-infinity', '5874897-12-31'),
);
const timestamp = fc.oneof(
  fc.tuple(day, clock).map((parts) => parts.join(' ')),
  fc.constantFrom('infinity', '-infinity', '0044-03-15 12:00:00 BC', '294276-12-31 23:59:59.999'),
);
const json = fc
  .tuple(fc.jsonValue({ stringUnit: 'binary' }), fc.nat({ max: 2 }))
  .map(([value, indent]) => JSON.stringify(value, null, indent))
  .filter((value) => !value.includes(String.raw`\u0000`));
const numeric = fc.oneof(
  fc.tuple(whole(90n), fc.nat({ max: 30 })).map(([digits, scale]) => `${digits}e-${scale}`),
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '1.10', '0.000'),
);
const mood = fc.constantFrom('calm', 'Cross', `it's, "odd" {}`);

function arrayOf(element: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const quoted = element.map((value) => `"${value.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`);
  return fc
    .array(fc.option(quoted, { nil: 'NULL' }), { maxLength: 4 })
    .map((elements) => `{${elements.join(',')}}`);
}

/** Types that a key may have, and their values. */
export const keyTypes: Record<string, fc.Arbitrary<string>> = {
  bigint: whole(64n),
  smallint: whole(16n),
  text,
  'character varying(4)': text,
  'character(3)': ascii,
  name: text,
  uuid: fc.uuid(),
  date,
  'timestamp with time zone': timestamp,
  'timestamp(3) without time zone': timestamp,
  'numeric(12,3)': fc.integer().map((value) => String(value / 1_000)),
  numeric,
  'double precision': floatText,
  bytea: fc.uint8Array({ maxLength: 9 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
  boolean: fc.boolean().map(String),
  inet: fc.oneof(fc.ipV4(), fc.ipV6()),
  mood,
  'text[]': arrayOf(text),
};

/** These and others. */
export const columnTypes: Record<string, fc.Arbitrary<string>> = {
  ...keyTypes,
  real: fc.float().map(String),
  ...(testServerVersion >= 15 && {
    'numeric(5,-2)': fc.integer({ min: -99_999, max: 99_999 }).map(String),
  }),
  money: fc.integer().map((value) => String(value / 100)),
  'time without time zone': fc.oneof(clock, fc.constant('24:00:00')),
  'time with time zone': clock.map((value) => `${value}+05:30`),
  interval: fc
    .tuple(whole(20n), whole(20n), whole(30n), padded(6, 999_999))
    .map(([months, days, seconds, micros]) => `${months} mons ${days} days ${seconds}.${micros} seconds`),
  json,
  jsonb: json,
  xml: text.map((value) => `<a>${value.replaceAll(/[^\p{L}\n\t ]/gu, '')}</a>`),
  'bit varying(9)': fc.string({ unit: fc.constantFrom('0', '1'), maxLength: 9 }),
  int8range: fc.oneof(
    fc.tuple(fc.nat(), fc.nat()).map(([from, length]) => `[${from},${from + length}]`),
    fc.constantFrom('empty', '(,)', '[1,)'),
  ),
  tsvector: ascii.map((value) => `'${value.replaceAll(/['\\]/g, '')}x':1A,2`),
  point: fc.tuple(floatText, floatText).map(([x, y]) => `(${x},${y})`),
  price: fc.nat({ max: 99_999_999 }).map((value) => String(value / 100)),
  'price[]': arrayOf(fc.nat({ max: 999 }).map(String)),
  'mood[]': arrayOf(mood),
  'interval[]': arrayOf(fc.constantFrom('-1 days', '1 mon 02:03:04.5')),
  'bytea[]': arrayOf(fc.constantFrom('\\x', '\\x5c22')),
};
