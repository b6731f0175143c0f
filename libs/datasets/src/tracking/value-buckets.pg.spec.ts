import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { bucketsOf } from './value-buckets';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

describe('the hash of a value', () => {
  it.each([
    ['integer', 'hashint4', 'int', ['0', '1', '-1', '2147483647', '-2147483648', '65537']],
    ['integer', 'hashint2', 'int2', ['0', '1', '-1', '32767', '-32768']],
    [
      'integer',
      'hashint8',
      'int8',
      ['0', '-1', '4294967296', '-4294967297', '9223372036854775807', '-9223372036854775808'],
    ],
    [
      'text',
      'hashtext',
      'text',
      ['', 'a', 'abcdefghijk', 'abcdefghijkl', 'abcdefghijklm', 'ä€𝄞', 'x'.repeat(1000)],
    ],
    ['character', 'hashbpchar', 'bpchar', ['DE', 'DE  ', ' ']],
    [
      'uuid',
      'uuid_hash',
      'uuid',
      ['00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ],
    ['macaddr', 'hashmacaddr', 'macaddr', ['48:b0:2d:e9:c3:b7', '00:00:00:00:00:00']],
    ['boolean', 'hashint4', 'bool::int', ['t', 'f']],
  ] as const)('%s is that of %s()', async (family, name, type, texts) => {
    for (const text of texts) {
      const { rows } = await database.pool.query<{ bucket: number }>(
        `SELECT ${name}($1::text::${type}) & 65535 AS bucket`,
        [text],
      );
      expect(bucketsOf(family, { text, isArray: false })).toEqual([rows[0]!.bucket]);
    }
  });

  it('is that of each element of an array, and of none for NULL', () => {
    const [one, two] = ['1', '2'].map((text) => bucketsOf('integer', { text, isArray: false })![0]!);
    expect(bucketsOf('integer', { text: '{1,NULL,2,1}', isArray: true })).toEqual([one, two]);
    expect(bucketsOf('integer', { text: '[0:1][1:1]={{1},{2}}', isArray: true })).toEqual([one, two]);
    expect(bucketsOf('integer', { text: null, isArray: true })).toEqual([]);
    expect(bucketsOf('text', { text: '{"NULL","a,\\"b"}', isArray: true })).toEqual(
      ['NULL', 'a,"b'].map((text) => bucketsOf('text', { text, isArray: false })![0]),
    );
  });

  it.each([
    ['integer', '0x10'],
    ['integer', '1_000'],
    ['integer', '1.0'],
    ['integer', ' 1'],
    ['integer', '9223372036854775808'],
    ['uuid', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'],
    ['macaddr', '0800.2b01.0203'],
    ['boolean', 'true'],
  ] as const)('%s is not told of %s', (family, text) => {
    expect(bucketsOf(family, { text, isArray: false })).toBeUndefined();
  });
});
