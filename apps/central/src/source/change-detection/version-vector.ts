import type { Versions } from './versions';

/** Equal for two moments between which none of the tables has changed; undefined when one of them is not known. */
export function versionVectorOf(relations: string[], versions: Versions): string | undefined {
  const known = relations.map((relation) => versions.get(relation));
  if (known.includes(undefined)) return undefined;
  return relations.map((relation, index) => `${relation}:${known[index]}`).join(' ');
}
