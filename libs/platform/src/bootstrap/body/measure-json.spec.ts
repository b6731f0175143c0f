import { array, assert, json, property, string } from 'fast-check';
import { findRepeatedName, measureJson } from './measure-json';
import { inspectBody } from '../../problem/unfit-value';

const limits = { maxDepth: 32, maxValues: 1_000 };

describe('measuring a JSON text', () => {
  it('counts the names that a parser finds', () => {
    assert(
      property(json({ maxDepth: 6 }), (text) => {
        expect(measureJson(text, { maxDepth: 32, maxValues: 100_000 })).toBe(
          inspectBody(JSON.parse(text), false).names,
        );
      }),
    );
  });

  it('is not led astray by what stands in strings', () => {
    assert(
      property(array(string({ unit: 'binary' })), (texts) => {
        const depth = measureJson(JSON.stringify(texts), { maxDepth: 1, maxValues: texts.length + 2 });
        expect(depth).toBe(0);
      }),
    );
    expect(measureJson(String.raw`["\\","\\\"{[,:"]`, limits)).toBe(0);
    expect(measureJson('["open', limits)).toBe(0);
  });

  it('stops at its limits', () => {
    expect(measureJson('['.repeat(1e6), limits)).toBe('maxDepth');
    expect(measureJson(`[${'{},'.repeat(1e5)}{}]`, limits)).toBe('maxValues');
  });

  it('takes linear time', () => {
    const before = performance.now();
    for (const part of ['\\', '\\"', '"', '{"a":', '[],', '":"'])
      measureJson(part.repeat(300_000), { maxDepth: 1e9, maxValues: 1e9 });
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it.each([
    ['{"a":1,"b":{"a":2}}', undefined],
    ['{"a":1,"b":2,"a":3}', 'a'],
    [String.raw`[{"a":{"x":1,"\u0078":2}}]`, 'x'],
    ['{"a":"b","b":["a",":"]}', undefined],
  ])('finds a name that is repeated in %s', (text, name) => {
    expect(findRepeatedName(text)).toBe(name);
  });
});
