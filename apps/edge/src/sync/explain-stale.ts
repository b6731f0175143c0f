import { RivuletError } from '@rivulet/errors';
import type { MirrorAge } from './freshness';

/** Why mirrors that are complete and proved must not be taken for current. */
export function explainStale({ ageMs, allowedMs }: Pick<MirrorAge, 'ageMs' | 'allowedMs'>): RivuletError {
  const since =
    ageMs === null ? 'has not confirmed any rows yet' : `last confirmed the rows ${inSeconds(ageMs)} ago`;
  return new RivuletError('MIRRORS_STALE', `Central ${since}; ${inSeconds(allowedMs)} are allowed.`);
}

function inSeconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
