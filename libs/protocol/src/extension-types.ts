/**
 * The types of extensions that are carried, by extension: their text is exact, and every server that has the extension
 * reads it as the same value. On the wire such a type is `extension.type`, in whichever schema a server has it. None
 * of these names needs quotes.
 */
export const extensionTypes: Readonly<Record<string, readonly string[]>> = {
  citext: ['citext'],
  hstore: ['hstore'],
  ltree: ['ltree', 'lquery', 'ltxtquery'],
  cube: ['cube'],
  vector: ['vector', 'halfvec', 'sparsevec'],
  postgis: ['geometry', 'geography'],
};
