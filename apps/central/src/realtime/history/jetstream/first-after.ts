import type { JetStreamStore } from './jetstream-store';
import { recordOf, type StoredRecord } from './stored-record';
import { LOG_PREFIX } from './streams';
import type { Head } from './topic-heads';

/** How far before the last message is looked first: whoever comes back has mostly missed little. */
const NEAR = 64;

/** The records of a topic after a position, from the first that is still there. */
export async function* firstAfter(
  store: JetStreamStore,
  topic: string,
  after: number,
  head: Head,
): AsyncGenerator<StoredRecord> {
  const subject = LOG_PREFIX + topic;
  let record = await search(store, topic, after, head);
  while (record !== undefined) {
    yield record;
    if (record.seq >= head.seq) return;
    const next = await store.next(record.seq + 1, subject);
    record = next === null ? undefined : recordOf(topic, next);
  }
}

/** Positions rise with the sequences of the stream, in which those of other topics stand between them. */
async function search(
  store: JetStreamStore,
  topic: string,
  after: number,
  head: Head,
): Promise<StoredRecord | undefined> {
  const read = async (seq: number): Promise<StoredRecord | undefined> => {
    const stored = await store.next(seq, LOG_PREFIX + topic);
    return stored === null ? undefined : recordOf(topic, stored);
  };
  let low = 1;
  for (let distance = NEAR; distance < head.seq; distance *= 8) {
    const near = await read(head.seq - distance);
    if (near !== undefined && near.position > after + 1) continue;
    if (near?.position === after + 1) return near;
    low = near === undefined ? low : near.seq + 1;
    break;
  }
  // The first whose position is behind the one asked for is from low on, and at high or before it.
  let high = head.seq;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = await read(middle);
    if (found === undefined) high = middle;
    else if (found.position === after + 1) return found;
    else if (found.position > after) high = middle;
    else low = found.seq + 1;
  }
  return read(low);
}
