import fc from 'fast-check';
import { canonicalJson } from './canonical-json';

describe('canonical JSON', () => {
  it('is that of RFC 8785, 3.2.3', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    const names = [...canonicalJson(value).matchAll(/"((?:[^"\\]|\\.)*)":/g)].map((match) => match[1]);
    expect(names).toEqual(['\\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33']);
  });

  it('has names that look like numbers in the order of all others', () => {
    expect(canonicalJson({ b: 1, '10': 2, '9': 3, a: [{ d: null, c: true }] })).toBe(
      '{"10":2,"9":3,"a":[{"c":true,"d":null}],"b":1}',
    );
  });

  it('is the same for a value and its copy, whatever the order, and decodes to it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const decoded: unknown = JSON.parse(canonicalJson(value));
        expect(canonicalJson(decoded)).toBe(canonicalJson(value));
        expect(decoded).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
