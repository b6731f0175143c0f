import { TOPIC_LIFE_MS } from '../message-key';
import type { JetStreamStore } from './jetstream-store';
import { mapAtMost } from './map-at-most';
import { recordOf } from './stored-record';
import { LOG_PREFIX, MESSAGES } from './streams';

const AT_ONCE = 8;
/** Old messages of one topic that are counted in one go; the next one goes on. */
const MAX_OLD = 1_000;

/** The last message of each topic stays, whatever its age: it says where the topic stands. */
export async function pruneTopics(store: JetStreamStore): Promise<void> {
  const subjects = await store.subjects(`${LOG_PREFIX}>`);
  await mapAtMost(AT_ONCE, [...subjects], async ([subject, count]) => {
    const stored = await store.last(MESSAGES, subject);
    if (stored === null) return;
    const { kept, seq, position, storedAtMs } = recordOf(subject, stored);
    if (count > Math.max(kept.size, 1)) await store.purge(subject, { keep: Math.max(kept.size, 1) });
    if (count > 1) await pruneOld(store, subject, seq, Date.now() - kept.ageMs);
    else if (storedAtMs < Date.now() - TOPIC_LIFE_MS) await forget(store, subject, { seq, position });
  });
}

async function pruneOld(
  store: JetStreamStore,
  subject: string,
  lastSeq: number,
  before: number,
): Promise<void> {
  let from = 1;
  for (let count = 0; count < MAX_OLD && from < lastSeq; count++) {
    const stored = await store.next(from, subject);
    if (stored === null || stored.time.getTime() >= before) break;
    from = stored.seq + 1;
  }
  if (from > 1) await store.purge(subject, { seq: Math.min(from, lastSeq) });
}

/** A topic that is made again begins at the floor, so a position of its former life is never taken for one of the new. */
async function forget(
  store: JetStreamStore,
  subject: string,
  { seq, position }: { seq: number; position: number },
): Promise<void> {
  const name = subject.slice(LOG_PREFIX.length).startsWith('_') ? 'ownFloor' : 'floor';
  await store.changeState((state) => ({ ...state!, [name]: Math.max(state![name], position) }));
  await store.purge(subject, { seq: seq + 1 });
}
