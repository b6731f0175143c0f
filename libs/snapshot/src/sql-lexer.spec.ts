import fc from 'fast-check';
import { lexSql, nameOf, significantTokens, type SqlTokenKind } from './sql-lexer';

/** Kind and text of each token, without white space. */
function tokensOf(sql: string): [SqlTokenKind, string][] {
  return [...lexSql(sql)].flatMap(({ kind, text }) => (kind === 'space' ? [] : [[kind, text]]));
}

describe('one token', () => {
  it.each<[SqlTokenKind, string]>([
    ['literal', `''`],
    ['literal', `'it''s -- not /* a comment'`],
    ['literal', `'\\'`],
    ['literal', `U&'d\\0061t\\+000061'`],
    ['escapeLiteral', String.raw`E'it\'s ''so'''`],
    ['escapeLiteral', String.raw`e'\\'`],
    ['escapeLiteral', "E'a' -- goes on\n  'b\\''"],
    ['dollarQuote', '$$ it\'s "$1 $$'],
    ['dollarQuote', '$ß$ $$ $s$ $ß$'],
    ['comment', '-- a /* b'],
    ['comment', '/* a /* b */ -- c\n */'],
    ['quotedName', '"odd "" -- name"'],
    ['quotedName', 'U&"d\\0061t"'],
    ['name', 'größe_1$x'],
    ['name', 'a$x$'],
    ['parameter', ':größe1'],
    ['positionalParameter', '$12'],
    ['cast', '::'],
    ['number', '12'],
    ['number', '1.5e-10'],
    ['number', '.5'],
    ['operator', '<='],
    ['operator', '@-'],
    ['punctuation', ';'],
    ['punctuation', ':='],
    ['unclosedQuote', `'a`],
    ['unclosedQuote', String.raw`E'a\'`],
    ['unclosedQuote', '"a'],
    ['unclosedQuote', '$x$ a $$'],
    ['unclosedComment', '/* a /* b */'],
  ])('is a %s: %j', (kind, sql) => {
    expect(tokensOf(sql)).toEqual([[kind, sql]]);
  });
});

describe('neighbouring tokens', () => {
  it.each<[string, string, [SqlTokenKind, string][]]>([
    [
      'a text and its type',
      "'a'::text[]",
      [
        ['literal', "'a'"],
        ['cast', '::'],
        ['name', 'text'],
        ['punctuation', '['],
        ['punctuation', ']'],
      ],
    ],
    [
      'an operator and a sign',
      'a=-1',
      [
        ['name', 'a'],
        ['operator', '='],
        ['operator', '-'],
        ['number', '1'],
      ],
    ],
    [
      'an operator and a comment',
      'a+/* b */c',
      [
        ['name', 'a'],
        ['operator', '+'],
        ['comment', '/* b */'],
        ['name', 'c'],
      ],
    ],
    [
      'an operator and a comment line',
      'a*--b',
      [
        ['name', 'a'],
        ['operator', '*'],
        ['comment', '--b'],
      ],
    ],
    [
      'a parameter and a cast',
      ':id::int',
      [
        ['parameter', ':id'],
        ['cast', '::'],
        ['name', 'int'],
      ],
    ],
    [
      'the ends of a slice',
      'a[i:j]',
      [
        ['name', 'a'],
        ['punctuation', '['],
        ['name', 'i'],
        ['punctuation', ':'],
        ['name', 'j'],
        ['punctuation', ']'],
      ],
    ],
    [
      'two literals',
      "'a' '\\'",
      [
        ['literal', "'a'"],
        ['literal', "'\\'"],
      ],
    ],
    [
      'a name that ends in an e and a literal',
      "née'\\'",
      [
        ['name', 'née'],
        ['literal', "'\\'"],
      ],
    ],
  ])('are told apart: %s', (_, sql, expected) => {
    expect(tokensOf(sql)).toEqual(expected);
  });

  it('are without white space and comments if asked for', () => {
    expect(significantTokens('a /* b */ -- c\n(d)').map(({ text }) => text)).toEqual(['a', '(', 'd', ')']);
  });
});

it('reads a name as PostgreSQL does', () => {
  expect(significantTokens('Users "Users" "a""b" U&"x"').map(nameOf)).toEqual(['users', 'Users', 'a"b', 'x']);
});

describe('any text', () => {
  const piece = fc.constantFrom(
    ..."'|\"|$$|$a$|E'|U&'|\\|--|/*|*/|\n|\r| |:id|::|:=|:|$1|a|é|😀|1|.|+|-|=|@|(|[|]|;|,".split('|'),
  );
  const sql = fc.oneof(
    fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
    fc.string({ unit: 'binary' }),
  );

  it('is the texts of its tokens, one after the other', () => {
    fc.assert(
      fc.property(sql, (text) => {
        const tokens = [...lexSql(text)];
        expect(tokens.map((token) => token.text).join('')).toBe(text);
        let end = 0;
        for (const token of tokens) {
          expect([token.start, token.end]).toEqual([end, end + token.text.length]);
          expect(token.text).not.toBe('');
          end = token.end;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, (inside: string) => string]>([
    ['a literal', (inside) => `'${inside.replaceAll("'", "''")}'`],
    ['an escape literal', (inside) => `E'${inside.replaceAll(/['\\]/g, String.raw`\$&`)}'`],
    ['a quoted name', (inside) => `"${inside.replaceAll('"', '""')}"`],
    ['a dollar quote', (inside) => `$body$${inside.replaceAll('$', '')}$body$`],
    ['a block comment', (inside) => `/*${inside.replaceAll(/[/*]/g, '')}*/`],
    ['a comment line', (inside) => `--${inside.replaceAll(/[\n\r]/g, '')}`],
  ])('has no parameter inside %s', (_, quote) => {
    fc.assert(
      fc.property(sql, (inside) => {
        const quoted = quote(`${inside} :no `);
        const text = `:before ${quoted}\n:behind`;
        const parameters = [...lexSql(text)].filter(({ kind }) => kind === 'parameter');
        expect(parameters.map((token) => token.text)).toEqual([':before', ':behind']);
        expect([...lexSql(text)].map((token) => token.text)).toContain(quoted);
      }),
      { numRuns: 1_000 },
    );
  });
});
