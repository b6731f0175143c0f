/** What COPY prints as a backslash and a letter, by that letter. https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS */
const CHARACTERS: Record<string, string> = {
  '\\': '\\',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const LETTERS = Object.fromEntries(
  Object.entries(CHARACTERS).map(([letter, character]) => [character, letter]),
);

/** A value as the text format of COPY prints it. */
export function escapeCopyText(text: string): string {
  return text.replaceAll(/[\\\b\f\n\r\t\v]/g, (character) => `\\${LETTERS[character]}`);
}

/** The value that the text format of COPY prints so. */
export function unescapeCopyText(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_, letter: string) => CHARACTERS[letter] ?? letter);
}
