import { RivuletError } from '@rivulet/errors';
import {
  COLLECTION_MAX_CHUNKS,
  NAME_MAX_BYTES,
  schemaFingerprint,
  tableChecksum,
  type Column,
} from '@rivulet/protocol';
import { OWN_COLUMNS } from '../definitions/collection-schema';
import type { RunOrder } from '../runs/collection-run';
import type { StoredOffer } from '../runs/task-queue';
import { splitDigests } from './chunk-lists';

/** An offer whose parts fit each other and the order of the run. */
export interface CheckedOffer extends StoredOffer {
  fingerprint: string;
  /** In hex. */
  list: string[];
}

/** @throws RivuletError COLLECTION_OFFER_INVALID */
export function checkOffer(offer: StoredOffer, order: RunOrder): CheckedOffer {
  checkColumns(offer.columns, order.key);
  const list = splitDigests(offer.digests);
  if (list === undefined || list.length > COLLECTION_MAX_CHUNKS)
    throw invalid(`its digests are not those of at most ${COLLECTION_MAX_CHUNKS} chunks`);
  const fingerprint = fingerprintOf(offer.columns, order);
  if (tableChecksum(fingerprint, list) !== offer.checksum)
    throw invalid('its checksum is not that of its columns and chunks');
  return { ...offer, fingerprint, list };
}

function fingerprintOf(columns: Column[], { name, key }: Pick<RunOrder, 'name' | 'key'>): string {
  return schemaFingerprint({ name, columns, key });
}

function checkColumns(columns: Column[], key: string[]): void {
  const names = columns.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw invalid('two columns have one name');
  if (key.some((name, index) => names[index] !== name))
    throw invalid(`its first columns are not the key, ${key.join(', ')}`);
  const own = names.find((name) => (OWN_COLUMNS as readonly string[]).includes(name));
  if (own !== undefined)
    throw invalid(`central itself adds a column ${own}; give that of the query another name`);
  const long = names.find((name) => Buffer.byteLength(name) > NAME_MAX_BYTES);
  if (long !== undefined) throw invalid(`the name of column ${long} is longer than ${NAME_MAX_BYTES} bytes`);
}

function invalid(reason: string): RivuletError {
  return new RivuletError('COLLECTION_OFFER_INVALID', `The offer is not valid: ${reason}.`);
}
