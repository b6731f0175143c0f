import fc from 'fast-check';
import { YamlNode } from './yaml-node';

function textOf(source: string): { text: string; placeOf: (offset: number) => string } {
  return YamlNode.parse('f', source).fields('the file', ['query']).query!.text('query');
}

/** The file's text from the place on that is given for the first `wanted` of the query. */
function found(source: string, wanted: string): string {
  const { text, placeOf } = textOf(source);
  const [, line, column] = placeOf(text.indexOf(wanted)).split(':').map(Number);
  return source
    .split('\n')
    .slice(line! - 1)
    .join('\n')
    .slice(column! - 1);
}

describe('the place of a character', () => {
  it.each([
    ['a plain text', 'query: SELECT nope'],
    ['a text in quotes', 'query: "SELECT nope"'],
    ['a text in single quotes', "query: 'SELECT nope'"],
    ['a text with an anchor', 'query: &q SELECT nope'],
    ['a block', 'query: |\n  SELECT 1,\n    nope'],
    ['a block on its first line', 'query: |\n  nope'],
    ['a block that begins with empty lines', 'query: |\n\n   \n   SELECT\n\n   nope\n'],
    ['a block with its indentation given', 'query: |2\n     SELECT\n    nope'],
    ['a block that keeps its end', 'query: |+\n  SELECT\n  nope\n\n\n'],
    ['a block with a comment on its head', 'query: |  # what for\n  SELECT\n  nope'],
    ['a block with an anchor', 'query: &q |\n  SELECT\n  nope'],
    ['a block after an emoji', 'query: |\n  SELECT "😀", nope'],
    ['a block with tabs within', 'query: |\n  SELECT\t1,\n  \tnope'],
    ['a block deep in the file', '# a comment\n\nquery:\n\n    |\n    SELECT nope'],
    ['a block in a file from Windows', 'query: |\r\n  SELECT\r\n  nope\r\n'],
  ])('is found in %s', (_, source) => {
    expect(found(source, 'nope')).toMatch(/^nope/);
  });

  it.each([
    ['folded', 'query: >\n  SELECT\n  nope', '1:8'],
    ['escaped', 'query: "SELECT \\"a\\", nope"', '1:8'],
    ['on several lines', 'query: SELECT\n  nope', '1:8'],
  ])('is that of the whole text where the text is %s', (_, source, place) => {
    const { text, placeOf } = textOf(source);
    expect(placeOf(text.indexOf('nope'))).toBe(`f:${place}`);
  });

  it('is found for every character of every block', () => {
    const line = fc.string({ unit: fc.constantFrom('a', ' ', '\t', ':', '#', "'", '😀'), maxLength: 6 });
    const block = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.array(line, { minLength: 1, maxLength: 6 }));
    fc.assert(
      fc.property(block, ([indentation, lines]) => {
        // The first line settles the indentation.
        const written = [`x${lines[0]}`, ...lines.slice(1)];
        const source = `query: |\n${written.map((value) => ' '.repeat(indentation) + value).join('\n')}\n`;
        const { text, placeOf } = textOf(source);
        for (const [row, value] of text.split('\n').entries()) {
          const start = text.split('\n').slice(0, row).join('\n').length + (row === 0 ? 0 : 1);
          for (let column = 0; column < value.length; column++) {
            expect(placeOf(start + column)).toBe(`f:${row + 2}:${indentation + column + 1}`);
          }
        }
      }),
    );
  });

  it('behind the end of a text is that of its end', () => {
    expect(textOf('query: SELECT').placeOf(6)).toBe('f:1:14');
    expect(textOf('query: |\n  SELECT').placeOf(6)).toBe('f:2:9');
  });
});

describe('a file', () => {
  it('may begin with a byte order mark', () => {
    expect(textOf('\uFEFFquery: SELECT nope').placeOf(7)).toBe('f:1:15');
  });

  it('is refused with aliases that refer to aliases without end', () => {
    const levels = Array.from({ length: 30 }, (_, n) => `a${n}: &a${n} [${`*a${n - 1}, `.repeat(n && 9)}]`);
    expect(() => YamlNode.parse('f', [...levels, 'query: SELECT 1'].join('\n'))).toThrow(
      'f:8:10: the aliases expand to more than 100,000 values; use fewer.',
    );
  });

  it('is refused with an alias within what it refers to', () => {
    expect(() => YamlNode.parse('f', 'x-a: &a\n  b: [*a]')).toThrow(
      'f:2:7: *a refers to a node that contains it; write the value out here.',
    );
  });
});
