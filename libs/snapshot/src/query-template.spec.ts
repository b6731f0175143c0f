import fc from 'fast-check';
import { parseQueryTemplate, QueryTextError, renderQuery, writtenOffset } from './query-template';

function parametersOf(query: string): string[] {
  return parseQueryTemplate(query).parameters;
}

function refusalOf(query: string): { message: string; at: string } {
  try {
    parseQueryTemplate(query);
  } catch (error) {
    if (error instanceof QueryTextError) return { message: error.message, at: query.slice(error.offset) };
    throw error;
  }
  throw new Error('It was not refused.');
}

describe('a parameter', () => {
  it.each([
    ['stands alone', 'a = :id', ['id']],
    ['is used twice', ':id = 1 OR :id = 2', ['id', 'id']],
    ['begins the query', ':id', ['id']],
    ['touches its neighbours', '(:a+:b)=ANY(:group_ids)', ['a', 'b', 'group_ids']],
    ['has an underscore, a digit or capitals', ':_a1 :B', ['_a1', 'B']],
    ['is cast', ':id::bigint', ['id']],
    ['is the lower end of a slice', 'a[:first]', ['first']],
    ['comes after a quoted text', `'x' || :id`, ['id']],
    ['comes after a dollar quote', '$$ :no $$ || :id', ['id']],
    ['comes after comments', '-- :no\n/* :no */ :id', ['id']],
    ['is an argument with a name', 'f(a := :id)', ['id']],
    ['has letters of any language', ':größe + :数量 + :a😀1', ['größe', '数量', 'a😀1']],
    ['comes after a text of a type whose name ends in an e', String.raw`ée'\' || :id`, ['id']],
    ['comes after a dollar quote whose tag has letters of any language', '$ß$ $s$ :no $ß$ || :id', ['id']],
  ])('%s', (_, query, expected) => {
    expect(parametersOf(query)).toEqual(expected);
  });
});

describe('what only looks like a parameter is left alone', () => {
  it.each([
    ['a cast', 'a::text[]'],
    ['a text', `'12:30 :no'`],
    ['a text with a doubled quote', `'it''s :no'`],
    ['a text with a backslash at its end, which is a plain character', `'\\' || ' :no'`],
    ['an escape string with an escaped quote', String.raw`E'it\'s :no'`],
    ['an escape string with an escaped line break', "e'\\\n\\' :no'"],
    ['a quoted name', '"odd "" :no"'],
    ['a dollar quote', '$$ it\'s :no "$$'],
    ['a dollar quote with a tag', '$x$ $$ :no $y$ $x$'],
    ['a comment line', `-- it's :no\n1`],
    ['a comment', '/* " :no */'],
    ['a nested comment', '/* a /* b */ :no */'],
    ['a slice of an array', 'a[1:2] || a[i:j] || a[m[1]:n]'],
    ['a slice between names in letters of any language', 'a[é:ö] || a[数:n] || a[i$:j]'],
    ['an assignment', 'f(a :=b)'],
    ['a colon before a digit', ':1'],
  ])('%s', (_, query) => {
    expect(parseQueryTemplate(query)).toEqual({ texts: [query], parameters: [] });
  });

  it.each([
    'SELECT a$x$ FROM t WHERE id = :id AND b$x$ = 1',
    'SELECT é$x$ FROM t WHERE id = :id AND ö$x$ = 1',
    'SELECT 数$$ FROM t WHERE id = :id AND 😀$$ = 1',
  ])('even where a name with dollars in it looks like a dollar quote: %s', (query) => {
    expect(parametersOf(query)).toEqual(['id']);
  });
});

describe('the end of a query', () => {
  it.each([
    'SELECT 1;',
    'SELECT 1 ;  \n',
    'SELECT 1; -- done :no',
    'SELECT 1; /* a /* nested */ comment; */\n-- and more',
  ])('may be a semicolon with nothing but comments behind it: %j', (query) => {
    const { texts, parameters } = parseQueryTemplate(query);
    expect(texts.join('').trim()).toBe('SELECT 1');
    expect(parameters).toEqual([]);
  });

  it('is not a semicolon in a text, a name or a comment', () => {
    const query = `SELECT ';' AS ";" /* ; */ -- ;`;
    expect(parseQueryTemplate(query).texts).toEqual([query]);
  });

  it.each([
    ['SELECT 1; DROP TABLE users', '; DROP TABLE users'],
    ['SELECT 1;;', ';;'],
    ['SELECT 1; /* a */ b', '; /* a */ b'],
  ])('is not the beginning of a second statement: %j', (query, at) => {
    const message = 'there is more than one statement; keep the one that returns the rows';
    expect(refusalOf(query)).toEqual({ message, at });
  });

  it.each([
    ["a text, at its quote', even after another", `SELECT 'a', 'b`, "'b", 'this quote is never closed'],
    ['an escape string', String.raw`SELECT E'a\'`, String.raw`E'a\'`, 'this quote is never closed'],
    ['a dollar quote', 'SELECT $a$ :b $$', '$a$ :b $$', 'this quote is never closed'],
    ['a name', 'SELECT "a', '"a', 'this quote is never closed'],
    ['a comment', 'SELECT /* a', '/* a', 'this comment is never closed'],
    ['a nested comment', 'SELECT /* a /* b */', '/* a /* b */', 'this comment is never closed'],
    ['a comment after the query', 'SELECT 1; /* a', '/* a', 'this comment is never closed'],
  ])('cannot be inside %s', (_, query, at, message) => {
    expect(refusalOf(query)).toEqual({ message, at });
  });
});

describe('a rendered query', () => {
  it('has what its parameters stand for, whatever that looks like', () => {
    const template = parseQueryTemplate('SELECT :a, :b;');
    const values = new Map([
      ['a', "'$& $1 :b'"],
      ['b', '(2)'],
    ]);
    expect(renderQuery(template, (name) => values.get(name)!)).toBe("SELECT '$& $1 :b', (2)");
  });

  it('maps each of its characters back to where it was written', () => {
    const text = fc.constantFrom(' ', ' AND x = ', '\n😀 ');
    const value = fc.constantFrom("'a'", "(':b'::text)", '😀\n', '1');
    fc.assert(
      fc.property(fc.array(fc.tuple(text, value), { maxLength: 6 }), (parts) => {
        let written = '';
        let rendered = '';
        const places: number[] = [];
        for (const [index, [before, after]] of parts.entries()) {
          for (let unit = 0; unit < before.length; unit++) places.push(written.length + unit);
          written += before;
          places.push(...Array.from({ length: after.length }, () => written.length));
          written += `:p${index}`;
          rendered += before + after;
        }
        const template = parseQueryTemplate(written);
        const render = (name: string): string => parts[Number(name.slice(1))]![1];
        expect(renderQuery(template, render)).toBe(rendered);
        expect(places.map((_, offset) => writtenOffset(template, render, offset))).toEqual(places);
      }),
    );
  });

  it('maps what lies behind its end to the end', () => {
    const template = parseQueryTemplate('SELECT :a');
    expect(writtenOffset(template, () => '12345', 1_000)).toBe('SELECT :a'.length);
  });
});
