/**
 * The supported types of each extension: their text form is exact, and every server with the extension reads it as the
 * same value. On the wire such a type is `extension.type`, independent of its schema. None of these names needs quotes.
 */
export const extensionTypes: Readonly<Record<string, readonly string[]>> = {
  citext: ['citext'],
  hstore: ['hstore'],
  ltree: ['ltree', 'lquery', 'ltxtquery'],
  cube: ['cube'],
  vector: ['vector', 'halfvec', 'sparsevec'],
  postgis: ['geometry', 'geography'],
};
