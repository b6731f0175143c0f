import { atMostEntries } from '@rivulet/platform';
import { LRUCache } from 'lru-cache';
import { mapAtMost } from './map-at-most';
import type { JetStreamStore } from './jetstream-store';
import { recordOf } from './stored-record';
import { LOG_PREFIX, MESSAGES } from './streams';

const MAX_KNOWN = 20_000;
const READ_AT_ONCE = 64;
/** For more topics than this, the server is asked first which have a message at all: anybody may subscribe to those without. */
const MANY = 256;

/** Where a topic stands. */
export interface Head {
  /** 0 where there is no message. */
  seq: number;
  position: number;
}

/** The last positions of topics, as far as they are known. What is written by one is checked by the server. */
export class TopicHeads {
  private readonly known = new LRUCache<string, Head & { asOf: number }>(atMostEntries(MAX_KNOWN));

  constructor(private readonly store: JetStreamStore) {}

  clear(): void {
    this.known.clear();
  }

  /** The topic's last message is this one, at least until another process appends. */
  note(topic: string, head: Head): void {
    const known = this.known.get(topic);
    if (known === undefined || known.seq < head.seq) this.known.set(topic, { ...head, asOf: head.seq });
  }

  guess(topic: string): Head | undefined {
    return this.known.get(topic);
  }

  /** Undefined where a topic has no message. */
  async read(topic: string, asOf = 0): Promise<Head | undefined> {
    const stored = await this.store.last(MESSAGES, LOG_PREFIX + topic);
    if (stored === null) {
      this.known.delete(topic);
      return undefined;
    }
    const { seq, position } = recordOf(topic, stored);
    const head = { seq, position };
    this.known.set(topic, { ...head, asOf: Math.max(asOf, seq) });
    return head;
  }

  /** Those that the stream has not changed since they were read are not read again. */
  async readAll(topics: readonly string[]): Promise<Map<string, number>> {
    const last = await this.store.lastSequence();
    const existing = topics.length > MANY ? await this.store.subjects(`${LOG_PREFIX}>`) : undefined;
    const heads = await mapAtMost(READ_AT_ONCE, topics, async (topic) => {
      if (existing?.has(LOG_PREFIX + topic) === false) return undefined;
      const known = this.known.get(topic);
      return known !== undefined && known.asOf >= last ? known : this.read(topic, last);
    });
    const positions = topics.map((topic, index) => [topic, heads[index]?.position] as const);
    return new Map(positions.filter((entry): entry is [string, number] => entry[1] !== undefined));
  }
}
