import { nameOf, significantTokens, type SqlToken } from '@rivulet/snapshot';

/** What an expression or a query refers to by name. */
export interface SqlReferences {
  /** Names in front of a parenthesis, with their schema if it is given. */
  calls: { schema: string | undefined; name: string }[];
  /** CURRENT_DATE and the like, which are called without a parenthesis. */
  clock: string | undefined;
  operators: string[];
  /** With their quotes. */
  literals: string[];
  /** The type names behind `::`, as PostgreSQL prints them. */
  casts: string[];
}

const CLOCKS = /^(CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP)$/i;

/** Reads SQL that PostgreSQL has printed, or that a person has written. */
export function readReferences(sql: string): SqlReferences {
  const references: SqlReferences = { calls: [], clock: undefined, operators: [], literals: [], casts: [] };
  const tokens = significantTokens(sql);
  for (let index = 0; index < tokens.length; index++) {
    const { kind, text } = tokens[index]!;
    if (kind === 'literal' || kind === 'escapeLiteral') references.literals.push(text);
    else if (kind === 'operator') references.operators.push(text);
    else if (isIdentifier(tokens[index])) addName(references, tokens, index);
    else if (kind === 'cast') {
      const end = endOfType(tokens, index + 1);
      references.casts.push(typeText(tokens.slice(index + 1, end)));
      index = end - 1;
    }
  }
  return references;
}

function addName(references: SqlReferences, tokens: SqlToken[], index: number): void {
  const token = tokens[index]!;
  const isQualified = tokens[index - 1]?.text === '.';
  const next = tokens[index + 1]?.text;
  if (!isQualified && next !== '.' && CLOCKS.test(token.text)) references.clock ??= token.text.toUpperCase();
  else if (next === '(') {
    const schema = isQualified && isIdentifier(tokens[index - 2]) ? nameOf(tokens[index - 2]!) : undefined;
    references.calls.push({ schema, name: nameOf(token) });
  }
}

/** Types have a schema, or several words: `timestamp with time zone`. */
function endOfType(tokens: SqlToken[], start: number): number {
  if (!isIdentifier(tokens[start])) return start;
  let end = start + 1;
  for (;;) {
    const next = tokens[end];
    if (next?.text === '.' && isIdentifier(tokens[end + 1])) end += 2;
    else if (next?.kind === 'name' && /^[a-z]+$/.test(next.text)) end += 1;
    else return end;
  }
}

function typeText(tokens: SqlToken[]): string {
  return tokens
    .map(({ text }) => text)
    .join(' ')
    .replaceAll(' . ', '.');
}

function isIdentifier(token: SqlToken | undefined): token is SqlToken {
  return token?.kind === 'name' || token?.kind === 'quotedName';
}
