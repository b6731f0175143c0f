import fc from 'fast-check';
import { mergeLayers, mergePatch } from './merge-patch';

describe('a merge patch', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('of RFC 7396: %j with %j is %j', (target, patch, merged) => {
    expect(mergePatch(target, patch)).toEqual(merged);
  });

  it('takes __proto__ for a name like any other', () => {
    const patch = JSON.parse('{"__proto__": {"polluted": true}}') as object;
    const merged = mergePatch({ a: 1 }, patch) as object;
    expect(Object.keys(merged)).toEqual(['a', '__proto__']);
    expect((merged as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('changes neither of the two documents', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (target, patch) => {
        const before = JSON.stringify([target, patch]);
        mergePatch(target, patch);
        expect(JSON.stringify([target, patch])).toBe(before);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});

describe('merged layers', () => {
  it('say of each value which layer gave it', () => {
    const merged = mergeLayers([
      { origin: 'fleet', data: { url: 'a', retry: { times: 3, waits: [1, 2] }, 'a/b': null } },
      { origin: 'label site:SFO', data: { retry: { times: 5 }, empty: {} } },
      { origin: 'device X', data: { url: 'b', empty: { deep: null } } },
    ]);
    expect(merged).toEqual({
      data: { url: 'b', retry: { times: 5, waits: [1, 2] }, 'a/b': null, empty: {} },
      origins: {
        '/url': 'device X',
        '/retry/times': 'label site:SFO',
        '/retry/waits': 'fleet',
        '/a~1b': 'fleet',
        '/empty': 'device X',
      },
    });
  });

  it('are the same as patches one after the other', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 4 }), (documents) => {
        const layers = documents.map((data, at) => ({ origin: String(at), data }));
        const merged = mergeLayers(layers as [(typeof layers)[0]]);
        expect(merged.data).toEqual(documents.reduce((target, patch) => mergePatch(target, patch) as never));
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
