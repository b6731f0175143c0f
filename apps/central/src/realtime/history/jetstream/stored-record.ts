import type { StoredMsg } from '@nats-io/jetstream';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import type { NewMessage, StoredMessage } from '../history';

const POSITION = 'Rivulet-Position';
const ID = 'Rivulet-Id';
const AT = 'Rivulet-At';
const FROM = 'Rivulet-From';
/** How much of its topic is kept. */
const SIZE = 'Rivulet-Size';
const AGE = 'Rivulet-Age';

/** A position of a topic. One of which nothing is kept has no message. */
export interface StoredRecord {
  seq: number;
  position: number;
  kept: { size: number; ageMs: number };
  storedAtMs: number;
  /** Empty where there is no message. */
  id: string;
  publishedAtMs: number;
  message: StoredMessage | undefined;
}

export function headersOf({ id, from, history }: NewMessage, position: number, atMs: number): MsgHdrs {
  const made = headersOfPosition(position, history);
  made.set(ID, id);
  made.set(AT, String(atMs));
  if (from !== undefined) made.set(FROM, encodeURIComponent(from));
  return made;
}

export function headersOfPosition(position: number, { size, ageMs }: NewMessage['history']): MsgHdrs {
  const made = headers();
  made.set(POSITION, String(position));
  made.set(SIZE, String(size));
  made.set(AGE, String(ageMs));
  return made;
}

export function recordOf(topic: string, stored: StoredMsg): StoredRecord {
  const { header, seq, time } = stored;
  const position = Number(header.get(POSITION));
  const id = header.get(ID);
  const from = header.get(FROM);
  const kept = { size: Number(header.get(SIZE)), ageMs: Number(header.get(AGE)) };
  const publishedAtMs = Number(header.get(AT));
  const message = {
    topic,
    position,
    id,
    data: stored.string(),
    from: from === '' ? undefined : decodeURIComponent(from),
    publishedAtMs,
  };
  const isKept = id !== '' && kept.size > 0;
  const storedAtMs = time.getTime();
  return { seq, position, kept, storedAtMs, id, publishedAtMs, message: isKept ? message : undefined };
}
