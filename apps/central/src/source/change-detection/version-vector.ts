import { hash } from 'node:crypto';
import type { Versions } from './change-log/versions';

/** A query for given parameters: the keys of the versions that it depends on, and how all that it reads is defined. */
export interface VersionedQuery {
  /** See Versions. */
  relations: readonly string[];
  definition: string;
}

const MARK_BYTES = 16;

/** Longer lists are hashed: a scope can have a thousand values. */
const LISTED_KEYS = 20;

/**
 * Equal for two moments between which nothing that counts for a query has changed, neither rows nor a definition;
 * undefined when a version is not known.
 */
export function versionVectorOf(
  { relations, definition }: VersionedQuery,
  versions: Versions,
): string | undefined {
  const known = relations.map((key) => versions.get(key));
  if (known.includes(undefined)) return undefined;
  const list = relations.map((key, index) => `${key}=${known[index]}`);
  const text = list.length <= LISTED_KEYS ? list : [hash('sha256', list.join(' '))];
  return [definition, ...text].join(' ');
}

/** Equal for equal vectors, and short: a vector can be a kilobyte. Not a part of a longer text, all of which V8 would keep. */
export function markOf(vector: string): string {
  return hash('sha256', vector, 'buffer').toString('base64url', 0, MARK_BYTES);
}
