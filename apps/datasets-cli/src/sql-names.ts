/** What would break a line of a file or of a terminal, or be invisible in it. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\uFEFF]/gu;

/**
 * A name for a statement, on one line whatever is in it.
 * https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS-UESCAPE
 *
 * @param quoted what quote_ident() makes of the name
 */
export function sqlName(name: string, quoted: string): string {
  if (!isUnprintable(name)) return quoted;
  const escaped = name
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '""')
    .replaceAll(UNPRINTABLE, (character) => `\\${hex(character)}`);
  return `U&"${escaped}"`;
}

/** A text as a value of YAML, also within brackets. */
export function yamlText(text: string): string {
  if (/^[A-Za-z_][A-Za-z_0-9]*$/.test(text) && !YAML_WORDS.test(text)) return text;
  return JSON.stringify(text).replaceAll(UNPRINTABLE, (character) => `\\u${hex(character)}`);
}

/** What some version of YAML takes for something else than a text. */
const YAML_WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

function isUnprintable(name: string): boolean {
  return name.search(UNPRINTABLE) !== -1;
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, '0');
}
