export type SqlTokenKind =
  | 'space'
  | 'comment'
  | 'literal'
  | 'escapeLiteral'
  | 'dollarQuote'
  | 'quotedName'
  | 'name'
  | 'parameter'
  | 'positionalParameter'
  | 'cast'
  | 'number'
  | 'operator'
  | 'punctuation'
  | 'unclosedQuote'
  | 'unclosedComment';

/** A piece of SQL text. `start` and `end` count UTF-16 units from the beginning of the text. */
export interface SqlToken {
  kind: SqlTokenKind;
  text: string;
  start: number;
  end: number;
}

/** The first character of a name, and the ones that follow. */
const LETTER = String.raw`A-Za-z_\u0080-\u{10FFFF}`;
const IN_NAME = String.raw`${LETTER}0-9$`;
const TAG = String.raw`[${LETTER}][${LETTER}0-9]*`;

const LINE_COMMENT = String.raw`--[^\n\r]*`;
const ESCAPED_BODY = String.raw`'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*'`;
/** A literal goes on behind a line end. Only an escape literal must be read on: a quote in it can be escaped. */
const CONTINUATION = String.raw`(?:[^\S\n\r]|${LINE_COMMENT})*[\n\r](?:\s|${LINE_COMMENT}[\n\r])*`;

/** The rules are tried in this order. The unclosed ones take the rest of the text. */
const rules: Record<Exclude<SqlTokenKind, 'unclosedComment'>, string> = {
  space: String.raw`\s+`,
  comment: String.raw`${LINE_COMMENT}|/\*`,
  escapeLiteral: String.raw`[eE]${ESCAPED_BODY}(?:${CONTINUATION}${ESCAPED_BODY})*`,
  literal: String.raw`(?:[uU]&)?'[^']*(?:''[^']*)*'`,
  quotedName: String.raw`(?:[uU]&)?"[^"]*(?:""[^"]*)*"`,
  dollarQuote: String.raw`\$(?<tag>${TAG}|)\$[\s\S]*?\$\k<tag>\$`,
  unclosedQuote: String.raw`(?:[eE]'|(?:[uU]&)?['"]|\$(?:${TAG})?\$)[\s\S]*`,
  name: String.raw`[${LETTER}][${IN_NAME}]*`,
  positionalParameter: String.raw`\$\d+`,
  // Behind a name or a bracket a colon divides the ends of a slice: `a[i:j]`.
  parameter: String.raw`(?<![${IN_NAME}\]]):[${LETTER}][${LETTER}0-9]*`,
  cast: '::',
  number: String.raw`(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?`,
  operator: String.raw`(?:(?!--|/\*)[-+*/<>=~!@#%^&|\x60?])+`,
  punctuation: String.raw`:=|[\s\S]`,
};

const tokenPattern = new RegExp(
  Object.entries(rules)
    .map(([kind, pattern]) => `(?<${kind}>${pattern})`)
    .join('|'),
  'uy',
);

/**
 * Splits SQL text into tokens, as PostgreSQL's own lexer does with standard_conforming_strings on. The texts of the
 * tokens, one after the other, are the whole text. `:name` parameters are Rivulet's addition.
 *
 * https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 */
export function* lexSql(text: string): Generator<SqlToken, void> {
  for (let start = 0; start < text.length;) {
    const token = readToken(text, start);
    yield token;
    start = token.end;
  }
}

/** The tokens that are neither white space nor comments. */
export function significantTokens(text: string): SqlToken[] {
  return [...lexSql(text)].filter(({ kind }) => kind !== 'space' && kind !== 'comment');
}

/** The meaning of a name: folded to lower case, or the text between the quotes. */
export function nameOf({ kind, text }: SqlToken): string {
  if (kind !== 'quotedName') return text.toLowerCase();
  return text.slice(text.indexOf('"') + 1, -1).replaceAll('""', '"');
}

function readToken(text: string, start: number): SqlToken {
  tokenPattern.lastIndex = start;
  const groups = tokenPattern.exec(text)!.groups!;
  const kind = (Object.keys(rules) as (keyof typeof rules)[]).find((name) => groups[name] !== undefined)!;
  if (kind === 'comment' && groups[kind] === '/*') return readBlockComment(text, start);
  const length = kind === 'operator' ? operatorLength(groups[kind]!) : groups[kind]!.length;
  return tokenAt(text, kind, start, start + length);
}

/** Block comments nest. */
function readBlockComment(text: string, start: number): SqlToken {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = start;
  let depth = 0;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return tokenAt(text, 'comment', start, marks.lastIndex);
  }
  return tokenAt(text, 'unclosedComment', start, text.length);
}

/** An operator of more than one character ends in `+` or `-` only if it has one of the less usual characters, too. */
function operatorLength(operator: string): number {
  if (/[~!@#%^&|`?]/.test(operator)) return operator.length;
  return Math.max(1, operator.replace(/[-+]+$/, '').length);
}

function tokenAt(text: string, kind: SqlTokenKind, start: number, end: number): SqlToken {
  return { kind, text: text.slice(start, end), start, end };
}
