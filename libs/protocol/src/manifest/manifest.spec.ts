import * as fc from 'fast-check';
import { exampleManifest, withTables } from '../../test/example-manifest';
import { refusalOf } from '../../test/refusal';
import { isLater, parseManifest, type ManifestTable } from './manifest';
import { PROTOCOL_VERSION } from '../version/protocol-version';
import { RivuletError } from '@rivulet/errors';

type Fields = Record<string, unknown>;

/** Every field of the example, as `tables[0].columns[1].type`. */
function fieldPaths(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => fieldPaths(item, `${path}[${index}]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, field]) => {
    const own = path === '' ? name : `${path}.${name}`;
    return [own, ...fieldPaths(field, own)];
  });
}

/** The example as JSON, with one field set to another value, or left out when that is undefined. */
function jsonWith(path: string, value: unknown): string {
  const manifest: unknown = exampleManifest();
  const steps = path.split(/[.[\]]+/).filter((step) => step !== '');
  const parent = steps.slice(0, -1).reduce((object, step) => (object as Fields)[step], manifest);
  (parent as Fields)[steps.at(-1)!] = value;
  return JSON.stringify(manifest);
}

function refusal(json: string): { code: string; message: string } {
  const { code, message } = refusalOf(() => parseManifest(json));
  return { code, message };
}

function users(change: Partial<ManifestTable>): string {
  return JSON.stringify(
    withTables(exampleManifest(), ([table, ...rest]) => [{ ...table!, ...change }, ...rest]),
  );
}

function manyTables(count: number): string {
  const numbered = ([table]: ManifestTable[]): ManifestTable[] =>
    Array.from({ length: count }, (_, index) => ({ ...table!, name: `t${index}`, table: `t${index}` }));
  return JSON.stringify(withTables(exampleManifest(), numbered));
}

/** The result of reading a manifest, or the code of the error that says why it is none. */
function outcome(json: string): unknown {
  try {
    return parseManifest(json);
  } catch (error) {
    if (!(error instanceof RivuletError)) throw error;
    return error.code;
  }
}

const paths = fieldPaths(exampleManifest());

describe('a manifest', () => {
  it('is the same after a round trip', () => {
    expect(parseManifest(JSON.stringify(exampleManifest()))).toEqual(exampleManifest());
  });

  it('may have no tables', () => {
    const empty = withTables(exampleManifest(), () => []);
    expect(parseManifest(JSON.stringify(empty))).toEqual(empty);
  });

  it('is refused without any one of its fields, which is named', () => {
    const refusals = paths.map((path) => refusal(jsonWith(path, undefined)));
    const expected = paths.map((path) => ({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining(`The manifest is not valid: ${path} is not `) as string,
    }));
    expect(paths).toContain('tables[1].columns[2].type');
    expect(refusals).toEqual(expected);
  });

  it.each([null, true, {}, [1], 1.5, -1])(
    'is refused with %j in any one of its fields, which is named',
    (value) => {
      const refusals = paths.map((path) => refusal(jsonWith(path, value)));
      const expected = paths.map((path) => ({
        code: 'MANIFEST_INVALID',
        message: expect.stringContaining(`The manifest is not valid: ${path}`) as string,
      }));
      expect(refusals).toEqual(expected);
    },
  );

  it.each([
    ['manifestId', '01KAJ9V9RW4C7ZK3DYE7V1NB2'],
    ['manifestId', '81KAJ9V9RW4C7ZK3DYE7V1NB2R'],
    ['manifestId', '01kaj9v9rw4c7zk3dye7v1nb2r'],
    ['epoch', 2 ** 53],
    ['sequence', '42'],
    ['issuedAt', '2026-11-21 08:00:00'],
    ['issuedAt', '2026-11-21T08:00:00+01:00'],
    ['nonce', 'short'],
    ['nonce', 'a'.repeat(65)],
    ['nonce', 'q83vEjRWeJCrze8SNFZ4kA=='],
    ['schemaVersion', 'AB'.repeat(32)],
    ['tables[0].checksum', 'ab'.repeat(31)],
    ['tables[1].fingerprint', `${'ab'.repeat(32)}\n`],
  ])('is refused when %s is %j', (path, value) => {
    const { code, message } = refusal(jsonWith(path, value));
    expect(code).toBe('MANIFEST_INVALID');
    expect(message).toContain(` ${path} is not `);
  });

  it.each(['', 'null', '[]', '"text"', '42', '{', '{}}', 'NaN'])('is refused when it is %j', (json) => {
    expect(refusal(json).code).toBe('MANIFEST_INVALID');
  });

  it('is refused by a RivuletError alone, whatever one of its fields is', () => {
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const json = jsonWith(path, value);
        expect(['MANIFEST_INVALID', 'SCHEMA_UNSUPPORTED', JSON.parse(json)]).toContainEqual(outcome(json));
      }),
    );
  });

  it.each([0, PROTOCOL_VERSION + 1, 1_000])('is unsupported in protocol version %d', (version) => {
    const { code, message } = refusal(
      JSON.stringify({ protocolVersion: version, everything: 'else is new' }),
    );
    expect(code).toBe('SCHEMA_UNSUPPORTED');
    expect(message).toContain(`version ${version};`);
  });

  it('may have fields that are not known, which are left out', () => {
    const manifest = exampleManifest();
    const tables = manifest.tables.map((table) => ({
      ...table,
      columns: table.columns.map((column) => ({ ...column, comment: 'x' })),
      chunks: 7,
    }));
    expect(parseManifest(JSON.stringify({ ...manifest, tables, later: { a: [1] } }))).toEqual(manifest);
  });

  it('takes no field from __proto__, and gives none to other objects', () => {
    const { epoch: _, ...rest } = exampleManifest();
    const json = JSON.stringify(rest).replace('{', '{"__proto__":{"epoch":1,"polluted":true},');
    expect(refusal(json).message).toContain(' epoch is not a whole number');
    const complete = JSON.stringify(exampleManifest()).replace('{', '{"__proto__":{"polluted":true},');
    expect(parseManifest(complete)).toEqual(exampleManifest());
    expect('polluted' in {}).toBe(false);
  });
});

describe('the tables of a manifest', () => {
  const id = { name: 'id', type: 'bigint' };
  const email = { name: 'email', type: 'text' };

  it.each<[string, Partial<ManifestTable>]>([
    ['the key does not come first', { columns: [email, id] }],
    ['the key is in another order', { columns: [id, email], key: ['email', 'id'] }],
    ['the key names no column', { key: ['number'] }],
    ['the key names a column twice', { key: ['id', 'id'] }],
    ['there is no key', { key: [] }],
    ['there are no columns', { columns: [], indexes: [] }],
    ['two columns have one name', { columns: [id, email, { ...email, type: 'bytea' }] }],
    ['an index names no column', { indexes: [['mail']] }],
    ['an index is empty', { indexes: [[]] }],
  ])('are refused when %s', (_, change) => {
    const { code, message } = refusal(users(change));
    expect(code).toBe('MANIFEST_INVALID');
    expect(message).toContain('tables[0] ');
  });

  it.each<[string, Partial<ManifestTable>]>([
    ['the dataset', { name: '' }],
    ['a schema', { schema: '' }],
    ['a role', { grants: ['reader', 'r\0'] }],
    ['the mirror', { table: 'x'.repeat(64) }],
    ['the mirror, in bytes', { table: 'ä'.repeat(32) }],
    ['a column', { columns: [id, { name: 'e\0', type: 'text' }], indexes: [] }],
  ])('are refused when PostgreSQL could not keep the name of %s', (_, change) => {
    const { code, message } = refusal(users(change));
    expect(code).toBe('MANIFEST_INVALID');
    expect(message).toContain('tables[0] has a name');
  });

  it.each(['rivulet', 'pg_catalog', 'pg_toast', 'information_schema'])(
    'are refused when one is to be in the schema %s',
    (schema) => {
      const { code, message } = refusal(users({ schema }));
      expect(code).toBe('MANIFEST_INVALID');
      expect(message).toContain('tables[0].schema is one that no mirror can be in');
    },
  );

  it.each([0, -0.1, 1.01, '20%', null])('are refused when the share of deletions is %j', (share) => {
    const { code, message } = refusal(users({ maxDeletedShare: share as number }));
    expect(code).toBe('MANIFEST_INVALID');
    expect(message).toContain('tables[0].maxDeletedShare is not');
  });

  it.each([0.2, 1, Number.MIN_VALUE])('may have %d as the share of deletions', (maxDeletedShare) => {
    expect(parseManifest(users({ maxDeletedShare })).tables[0]).toMatchObject({ maxDeletedShare });
  });

  it('may share a name, in two schemas', () => {
    const manifest = withTables(exampleManifest(), (tables) =>
      tables.with(1, { ...tables[1]!, table: 'people' }),
    );
    expect(parseManifest(JSON.stringify(manifest))).toEqual(manifest);
  });

  it('may have names of 63 bytes', () => {
    expect(parseManifest(users({ table: `${'ä'.repeat(31)}x` })).tables[0]!.table.length).toBe(32);
  });

  it.each<[string, Partial<ManifestTable>]>([
    ['dataset', { name: 'users' }],
    ['mirror', { schema: 'staff', table: 'people' }],
  ])('are refused when two are for one %s', (_, change) => {
    const manifest = withTables(exampleManifest(), (tables) => tables.with(1, { ...tables[1]!, ...change }));
    const { code, message } = refusal(JSON.stringify(manifest));
    expect(code).toBe('MANIFEST_INVALID');
    expect(message).toContain('tables has two entries');
  });

  it.each([
    ['tables[1].fingerprint', 'tables[1].fingerprint is not'],
    ['schemaVersion', 'schemaVersion is not'],
  ])('are refused when %s is that of other tables', (path, reason) => {
    const { code, message } = refusal(jsonWith(path, 'ab'.repeat(32)));
    expect(code).toBe('MANIFEST_INVALID');
    expect(message).toContain(reason);
  });

  it('may be 1,000, and not more', () => {
    expect(parseManifest(manyTables(1_000)).tables.length).toBe(1_000);
    expect(refusal(manyTables(1_001)).message).toContain(' tables is not a list of at most 1000');
  });
});

describe('the position of a manifest', () => {
  it.each([
    [{ epoch: 1, sequence: 43 }, true],
    [{ epoch: 2, sequence: 1 }, true],
    [{ epoch: 1, sequence: 42 }, false],
    [{ epoch: 1, sequence: 41 }, false],
    [{ epoch: 0, sequence: 1_000 }, false],
  ])('%j after 1/42: %s', (candidate, expected) => {
    expect(isLater(candidate, { epoch: 1, sequence: 42 })).toBe(expected);
  });

  it('is later than another, or earlier, or the same', () => {
    const position = fc.record({ epoch: fc.nat({ max: 3 }), sequence: fc.nat({ max: 3 }) });
    fc.assert(
      fc.property(position, position, (a, b) => {
        const same = a.epoch === b.epoch && a.sequence === b.sequence;
        expect([isLater(a, b), isLater(b, a), same].filter(Boolean).length).toBe(1);
      }),
    );
  });
});
