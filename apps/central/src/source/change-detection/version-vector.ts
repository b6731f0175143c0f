import type { QueryWatch } from './change-detection';
import type { Versions } from './versions';

/**
 * Equal for two moments between which neither a table of a query nor a definition has changed; undefined when the
 * version of a table is not known.
 */
export function versionVectorOf(
  { relations, definition }: Pick<QueryWatch, 'relations' | 'definition'>,
  versions: Versions,
): string | undefined {
  const known = relations.map((relation) => versions.get(relation));
  if (known.includes(undefined)) return undefined;
  return [definition, ...relations.map((relation, index) => `${relation}:${known[index]}`)].join(' ');
}
