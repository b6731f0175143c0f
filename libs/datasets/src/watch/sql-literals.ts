import { significantTokens, type SqlToken } from '@rivulet/snapshot';

/**
 * The values of the string literals in a text of SQL. Literals that follow each other on several lines are one.
 * Where a value cannot be told for certain it is `now`, so that whoever looks for such words finds one.
 */
export function literalsOf(sql: string): string[] {
  const values: string[] = [];
  let isContinued = false;
  for (const token of significantTokens(sql)) {
    const value = valueOf(token);
    if (value === undefined) isContinued = false;
    else if (isContinued) values[values.length - 1] += value;
    else {
      values.push(value);
      isContinued = true;
    }
  }
  return values;
}

function valueOf({ kind, text }: SqlToken): string | undefined {
  if (kind === 'dollarQuote')
    return text.slice(text.indexOf('$', 1) + 1, text.lastIndexOf('$', text.length - 2));
  if (kind !== 'literal' && kind !== 'escapeLiteral') return undefined;
  if (text.includes('\\') && kind === 'escapeLiteral') return unescaped(text.slice(2, -1));
  if (/^[uU]&/.test(text) && text.includes('\\')) return UNCERTAIN;
  return text
    .replace(/^(?:[eE]|[uU]&)?'/, '')
    .slice(0, -1)
    .replaceAll("''", "'");
}

const UNCERTAIN = 'now';

/** https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE */
function unescaped(body: string): string {
  return body.replaceAll(
    /''|\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{1,3})|([\s\S]))/g,
    (whole, hex?: string, short?: string, long?: string, octal?: string, other?: string) => {
      if (whole === "''") return "'";
      const code = hex ?? short ?? long;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      return octal === undefined ? (other ?? '') : String.fromCodePoint(Number.parseInt(octal, 8));
    },
  );
}
