/** Characters that would break a line or be invisible. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\uFEFF]/gu;

/**
 * A name for a statement, always on one line.
 * https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS-UESCAPE
 *
 * @param quoted the result of quote_ident()
 */
export function sqlName(name: string, quoted: string): string {
  if (!isUnprintable(name)) return quoted;
  const escaped = name
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '""')
    .replaceAll(UNPRINTABLE, (character) => `\\${hex(character)}`);
  return `U&"${escaped}"`;
}

/** A string as a YAML value, also valid within brackets. */
export function yamlText(text: string): string {
  if (/^[A-Za-z_][A-Za-z_0-9]*$/.test(text) && !YAML_WORDS.test(text)) return text;
  return JSON.stringify(text).replaceAll(UNPRINTABLE, (character) => `\\u${hex(character)}`);
}

/** Words that some version of YAML does not read as strings. */
const YAML_WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

function isUnprintable(name: string): boolean {
  return name.search(UNPRINTABLE) !== -1;
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, '0');
}
