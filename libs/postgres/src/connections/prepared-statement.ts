const names = new Map<string, string>();

/**
 * Marks the text of a statement that is sent often, whoever sends it: each connection parses it once, and PostgreSQL may
 * keep its plan. Not for one whose plan depends on how many values its arrays have.
 *
 * @param name - unique among all
 * @returns the text
 */
export function preparedStatement(name: string, text: string): string {
  for (const [other, known] of names)
    if (known === name && other !== text) throw new Error(`Two statements are named ${name}.`);
  names.set(text, name);
  return text;
}

/** What pg is to be called with instead, for one that is marked. */
export function asPrepared(given: unknown[]): unknown[] {
  const [text, values, ...rest] = given;
  if (typeof text !== 'string' || !Array.isArray(values)) return given;
  const name = names.get(text);
  return name === undefined ? given : [{ name, text, values }, ...rest];
}
