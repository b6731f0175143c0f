import { RivuletError } from '@rivulet/errors';
import { COLLECTION_MAX_CHUNKS, parseChunkSpans, type CollectionOffer } from '@rivulet/protocol';
import type { StoredOffer } from '../runs/task-queue';
import { splitDigests } from './chunk-lists';
import type { Position } from './positions';

/** An offer as it comes: all rows, or what differs from a base. */
export interface OfferedRows extends CollectionOffer {
  base?: string;
  spans?: string;
}

/**
 * The offer of all rows, of one that names only the new chunks.
 *
 * @param position - what is committed of the network
 * @throws RivuletError COLLECTION_BASE_CHANGED when that is not the base of the offer · COLLECTION_OFFER_INVALID
 */
export function expandOffer(
  { base, spans, ...offer }: OfferedRows,
  { chunks, checksum }: Position,
): StoredOffer {
  if (base === undefined || spans === undefined) return offer;
  if (base !== checksum)
    throw new RivuletError(
      'COLLECTION_BASE_CHANGED',
      'The rows that the offer differs from are not those of now.',
    );
  const list = chunks.map(({ digest }) => digest.toString('hex'));
  return { ...offer, digests: joinDigests(replace(list, spans, offer.digests)) };
}

function replace(list: string[], spansText: string, digests: string): string[] {
  const fresh = splitDigests(digests);
  if (fresh === undefined) throw invalid('its digests are not whole');
  const all: string[] = [];
  let next = 0;
  let taken = 0;
  for (const { position, count, newCount } of refusable(() => parseChunkSpans(spansText, list.length))) {
    if (taken + newCount > fresh.length) throw invalid('it has fewer digests than its spans');
    all.push(...list.slice(next, position), ...fresh.slice(taken, taken + newCount));
    next = position + count;
    taken += newCount;
  }
  all.push(...list.slice(next));
  if (taken !== fresh.length || all.length > COLLECTION_MAX_CHUNKS)
    throw invalid(`its spans do not have its digests, or it has more than ${COLLECTION_MAX_CHUNKS} chunks`);
  return all;
}

function refusable<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RivuletError) throw invalid(error.message);
    throw error;
  }
}

function joinDigests(list: string[]): string {
  return Buffer.from(list.join(''), 'hex').toString('base64');
}

function invalid(reason: string): RivuletError {
  return new RivuletError(
    'COLLECTION_OFFER_INVALID',
    `The offer is not valid: ${reason.replace(/\.$/, '')}.`,
  );
}
