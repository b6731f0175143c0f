import { compareDocuments } from './compare-documents';
import { refuseLargeContent, refusePlainSecrets } from './content-rules';
import { checkAgainstSchema, compileSchema } from './schema-check';

const refusal = (work: () => void): unknown => {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
};

describe('the rules of content', () => {
  it('refuse more than 256 KiB, and more than 24 levels', () => {
    expect(refusal(() => refuseLargeContent({ data: 'x'.repeat(256 * 1024) }))).toMatchObject({
      code: 'CONFIGURATION_TOO_LARGE',
    });
    expect(refusal(() => refuseLargeContent({ data: 'x'.repeat(255 * 1024) }))).toBeUndefined();
    const nested = (levels: number): object => (levels === 0 ? {} : { a: nested(levels - 1) });
    expect(refusal(() => refuseLargeContent({ data: nested(40) }))).toMatchObject({
      code: 'CONFIGURATION_TOO_LARGE',
    });
    expect(refusal(() => refuseLargeContent({ data: nested(20) }))).toBeUndefined();
    // As many as a body may have.
    const zeros = Array.from({ length: 500_000 }, () => 0);
    expect(refusal(() => refuseLargeContent({ data: zeros }))).toMatchObject({
      code: 'CONFIGURATION_TOO_LARGE',
    });
  });

  it.each([
    'password',
    'db_password',
    'apiKey',
    'api_key',
    'clientSecret',
    'auth_token',
    'token',
    'privateKey',
  ])('refuse a plain text in %s, and take a reference', (name) => {
    const inside = (value: unknown) => [{ place: 'data', data: { list: [{ [name]: value }] } }];
    expect(refusal(() => refusePlainSecrets(inside('hunter2')))).toMatchObject({
      code: 'CONFIGURATION_SECRET',
      errors: [{ field: `data/list/0/${name}` }],
    });
    expect(refusal(() => refusePlainSecrets(inside('prefix ${env:A}')))).toMatchObject({
      code: 'CONFIGURATION_SECRET',
    });
    for (const reference of ['${env:API_KEY}', '${file:api-key}', '', null, true])
      expect(refusal(() => refusePlainSecrets(inside(reference)))).toBeUndefined();
  });

  it.each(['token_count', 'keyboard', 'url', 'tokenizer'])('take any text in %s', (name) => {
    expect(refusal(() => refusePlainSecrets([{ place: 'data', data: { [name]: 'x' } }]))).toBeUndefined();
  });
});

describe('a JSON Schema', () => {
  const schema = { type: 'object', required: ['url'], properties: { url: { type: 'string' } } };

  it('names the field that does not fit', () => {
    expect(refusal(() => checkAgainstSchema(schema, [{ place: 'data', data: { url: 1 } }]))).toMatchObject({
      code: 'CONFIGURATION_INVALID',
      errors: [{ field: 'data/url', reason: 'must be string' }],
    });
    expect(
      refusal(() => checkAgainstSchema(schema, [{ place: 'data', data: { url: 'x' } }])),
    ).toBeUndefined();
  });

  it.each([
    ['an unknown type', { type: 'text' }],
    ['an unknown keyword', { minimun: 3 }],
    ['a document elsewhere', { $ref: 'https://example.com/schema.json' }],
    ['a reference to what it has not', { $ref: '#/$defs/missing' }],
    ['more than 64 KiB', { description: 'x'.repeat(65 * 1024) }],
  ])('with %s is refused', (_, broken) => {
    expect(refusal(() => compileSchema(broken))).toMatchObject({ code: 'CONFIGURATION_SCHEMA_INVALID' });
  });

  const doubled = Array.from({ length: 40 }, (_, n) => [
    `d${n}`,
    n === 0 ? { type: 'string' } : { allOf: [{ $ref: `#/$defs/d${n - 1}` }, { $ref: `#/$defs/d${n - 1}` }] },
  ]);
  it.each([
    ['a pattern that backtracks', { type: 'string', pattern: '^(a+)+$' }],
    ['references that double', { $ref: '#/$defs/d39', $defs: Object.fromEntries(doubled) as object }],
  ])('that would check for ever by %s is refused', (_, bomb) => {
    const documents = [{ place: 'data', data: `${'a'.repeat(50)}!` }];
    expect(refusal(() => checkAgainstSchema(bomb, documents))).toMatchObject({
      code: 'CONFIGURATION_SCHEMA_INVALID',
      message: expect.stringContaining('took longer'),
    });
  });
});

it('a comparison names what was added, removed and changed', () => {
  expect(compareDocuments({ a: 1, b: { c: [1], d: 2 } }, { b: { c: [2], d: 2 }, e: null })).toEqual([
    { path: '/a', kind: 'removed', from: 1 },
    { path: '/b/c', kind: 'changed', from: [1], to: [2] },
    { path: '/e', kind: 'added', to: null },
  ]);
  expect(compareDocuments({ a: { b: 1, c: 2 } }, { a: { c: 2, b: 1 } })).toEqual([]);
});
