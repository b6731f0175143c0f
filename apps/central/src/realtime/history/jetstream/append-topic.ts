import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { RivuletError } from '@rivulet/errors';
import type { Appended, NewMessage } from '../history';
import { digestOf, keyLifeMs, keyReused } from '../message-key';
import type { JetStreamStore } from './jetstream-store';
import { headersOf, headersOfPosition, recordOf } from './stored-record';
import { keysOf, LOG_PREFIX } from './streams';
import type { Head, TopicHeads } from './topic-heads';

const MAX_PAUSE_MS = 20;
/** Each is lost to another process that appends to the same topic. */
const MAX_ATTEMPTS = 200;

type RecordAt = (position: number) => Parameters<JetStreamStore['publish']>[1];
type Placed = Head & { isDuplicate: boolean };

/** The note of a key. */
interface KeyRecord {
  digest: string;
  position: number;
  id: string;
  at: number;
}

/** Appends to one topic, one after the other. Position and order are agreed upon with other processes by the sequence before. */
export class AppendTopic {
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly store: JetStreamStore,
    private readonly heads: TopicHeads,
  ) {}

  /** @throws RivuletError IDEMPOTENCY_KEY_REUSED · what JetStream throws */
  async append(message: NewMessage): Promise<Appended> {
    const { key } = message;
    if (key === undefined) return this.appendNow(message);
    const known = await this.findKey(key);
    if (known !== undefined) return this.duplicate(message, known);
    const digest = digestOf(message);
    const appended = await this.appendNow(message);
    const { position, id, publishedAtMs } = appended.message;
    await this.noteKey(key, { digest, position, id, at: publishedAtMs });
    return appended;
  }

  /** The next position without a message. */
  async skip(topic: string): Promise<void> {
    await this.place(topic, (position) => ({ headers: headersOfPosition(position, { size: 0, ageMs: 0 }) }));
  }

  async findKey(key: string): Promise<KeyRecord | undefined> {
    const { stream, prefix } = keysOf(keyLifeMs(key));
    return (await this.store.last(stream, prefix + wordOf(key)))?.json<KeyRecord>();
  }

  private async appendNow(message: NewMessage): Promise<Appended> {
    const { topic, id, data, from, key, history } = message;
    const at = Date.now();
    const placed = await this.place(topic, (position) => ({
      headers: headersOf(message, position, at),
      ...(history.size > 0 && { data }),
      ...(key !== undefined && { key }),
    }));
    const { epoch } = this.store.state;
    if (!placed.isDuplicate) {
      const { position } = placed;
      return { epoch, message: { topic, id, data, from, position, publishedAtMs: at }, isDuplicate: false };
    }
    // Its key was not noted, as the process that stored it was killed.
    const stored = await this.store.at(placed.seq);
    const first = stored === null ? undefined : recordOf(topic, stored);
    if (first?.message !== undefined && digestOf(first.message) !== digestOf(message)) throw keyReused(key!);
    const { position = placed.position - 1, publishedAtMs = at, id: firstId = id } = first ?? {};
    return { epoch, message: { topic, id: firstId, data, from, position, publishedAtMs }, isDuplicate: true };
  }

  /** Those of one process take turns, so that they do not lose against each other. */
  private place(topic: string, recordAt: RecordAt): Promise<Placed> {
    const work = (): Promise<Placed> => this.placeNow(topic, recordAt);
    const placing = (this.turns.get(topic) ?? Promise.resolve()).then(work, work);
    this.turns.set(topic, placing);
    const end = (): void => {
      if (this.turns.get(topic) === placing) this.turns.delete(topic);
    };
    placing.then(end, end);
    return placing;
  }

  private async placeNow(topic: string, recordAt: RecordAt): Promise<Placed> {
    let head = this.heads.guess(topic) ?? (await this.headOf(topic));
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const position = head.position + 1;
      const ack = await this.store.publish(LOG_PREFIX + topic, { ...recordAt(position), after: head.seq });
      if (ack !== undefined) {
        if (!ack.duplicate) this.heads.note(topic, { seq: ack.seq, position });
        if (head.seq === 0 && !ack.duplicate) await this.checkFloor(topic, head.position);
        return { seq: ack.seq, position, isDuplicate: ack.duplicate };
      }
      // Another process was faster.
      if (attempt > 0) await delay(Math.random() * Math.min(MAX_PAUSE_MS, attempt));
      head = await this.headOf(topic);
    }
    throw new RivuletError('SERVER_BUSY', 'Too many processes publish to one topic.', {
      retryAfterSeconds: 1,
    });
  }

  private async headOf(topic: string): Promise<Head> {
    const head = await this.heads.read(topic);
    if (head !== undefined) return head;
    const { floor, ownFloor } = await this.store.readState();
    return { seq: 0, position: topic.startsWith('_') ? ownFloor : floor };
  }

  /** The floor may have risen before the first message was stored: then the topic goes on above it. */
  private async checkFloor(topic: string, used: number): Promise<void> {
    const { floor, ownFloor } = await this.store.readState();
    const now = topic.startsWith('_') ? ownFloor : floor;
    if (now === used) return;
    const head = await this.headOf(topic);
    if (head.position > now) return;
    const headers = headersOfPosition(now + 1, { size: 0, ageMs: 0 });
    const ack = await this.store.publish(LOG_PREFIX + topic, { headers, after: head.seq });
    if (ack === undefined) await this.checkFloor(topic, used);
    else this.heads.note(topic, { seq: ack.seq, position: now + 1 });
  }

  private duplicate(message: NewMessage, { digest, position, id, at }: KeyRecord): Appended {
    const { key, topic, data, from } = message;
    if (digest !== digestOf(message)) throw keyReused(key!);
    const { epoch } = this.store.state;
    return { epoch, message: { topic, id, data, from, position, publishedAtMs: at }, isDuplicate: true };
  }

  private async noteKey(key: string, record: KeyRecord): Promise<void> {
    await this.store.publish(keysOf(keyLifeMs(key)).prefix + wordOf(key), { data: JSON.stringify(record) });
  }
}

/** Any key as a word of a subject. */
function wordOf(key: string): string {
  return hash('sha256', key, 'base64url');
}
