import type { TopicPattern } from '../../rules/topic-pattern';
import type { HistoryRule } from '../../rules/topic-rules';
import { AppendQueue } from '../append-queue';
import { contiguousAfter } from '../contiguous';
import type { Appended, History, NewMessage, Positions, Recovered, StoredMessage } from '../history';
import { digestOf, keyLifeMs, keyReused, TOPIC_LIFE_MS } from '../message-key';
import { PREFIX, RedisStore } from './redis-store';

const FORGOTTEN_AT_ONCE = 1_000;
const SKIPPED_AT_ONCE = 1_000;
const FIELDS_OF_ANSWER = 4;

type Entry = [id: string, fields: string[]];

const KEYED_AT_ONCE = 32;

/** History in streams of Redis or Valkey, from 6.2 on. */
export class RedisHistory implements History {
  private readonly store: RedisStore;
  private readonly queue = new AppendQueue((messages) => this.appendNow(messages));
  /** A call with keys is appended by itself, so that one that is refused concerns nobody else. */
  private readonly keyedQueue = new AppendQueue((messages) => this.appendNow(messages), 1, KEYED_AT_ONCE);

  constructor(url: string) {
    this.store = new RedisStore(url);
  }

  append(messages: readonly NewMessage[]): Promise<Appended[]> {
    const isKeyed = messages.some(({ key }) => key !== undefined);
    return (isKeyed ? this.keyedQueue : this.queue).append(messages);
  }

  async read(topic: string, after: number, rule: HistoryRule, limit: number): Promise<Recovered> {
    const reply = await this.store.run('readTopic', [PREFIX, topic, after, rule.size, limit]);
    const [epoch, last, now, entries] = reply as [string, string, string, Entry[]];
    const messages = entries.map((entry) => messageOf(topic, entry));
    const kept = messages.filter(({ publishedAtMs }) => publishedAtMs > Number(now) - rule.ageMs);
    return { epoch, last: Number(last), messages: contiguousAfter(after, kept) };
  }

  async positionsOf(topics: readonly string[]): Promise<Positions> {
    const [epoch, floor, ownFloor, ...stored] = await this.store.fields([':floor', ':ownFloor', ...topics]);
    const positions = new Map<string, number>();
    for (const [index, topic] of topics.entries()) {
      const position = stored[index] ?? (topic.startsWith('_') ? ownFloor : null);
      if (position !== null && position !== undefined) positions.set(topic, Number(position));
    }
    return { epoch: epoch!, floor: Number(floor), positions };
  }

  async list(prefix: string, limit: number): Promise<Positions> {
    const reply = await this.store.run('listTopics', [prefix, limit + 1]);
    const [epoch, floor, ...listed] = reply as string[];
    const positions = new Map<string, number>();
    for (let at = 0; at < listed.length; at += 2) positions.set(listed[at]!, Number(listed[at + 1]));
    return { epoch: epoch!, floor: Number(floor), positions };
  }

  /** The floor first: a topic that is made meanwhile begins there. */
  async skip(pattern: TopicPattern): Promise<void> {
    if (pattern.isTopic) {
      await this.store.run('skipTopics', [0, pattern.text]);
      return;
    }
    await this.store.run('skipTopics', [1]);
    const { positions } = await this.list(pattern.prefix, Number.MAX_SAFE_INTEGER - 1);
    const topics = [...positions.keys()].filter((topic) => pattern.matches(topic));
    for (let start = 0; start < topics.length; start += SKIPPED_AT_ONCE)
      await this.store.run('skipTopics', [0, ...topics.slice(start, start + SKIPPED_AT_ONCE)]);
  }

  /** Messages and keys end by themselves. */
  async prune(): Promise<void> {
    await this.store.run('forgetTopics', [PREFIX, TOPIC_LIFE_MS, FORGOTTEN_AT_ONCE]);
  }

  close(): Promise<void> {
    this.store.close();
    return Promise.resolve();
  }

  private async appendNow(messages: readonly NewMessage[]): Promise<Appended[]> {
    const values = messages.flatMap((message) => {
      const { topic, id, data, from = '', key = '', history } = message;
      const digest = key === '' ? '' : digestOf(message);
      return [topic, id, data, from, key, digest, keyLifeMs(key), history.size, history.ageMs];
    });
    const [epoch, ...answers] = (await this.store.run('appendAll', [PREFIX, ...values])) as string[];
    if (epoch === '') throw keyReused(answers[1]!);
    return messages.map(({ topic, data, from }, index) => {
      const [position, id, at, isKnown] = answers.slice(FIELDS_OF_ANSWER * index) as [
        string,
        string,
        string,
        string,
      ];
      return {
        epoch: epoch!,
        message: { topic, position: Number(position), id, data, from, publishedAtMs: Number(at) },
        isDuplicate: isKnown === '1',
      };
    });
  }
}

function messageOf(topic: string, [entryId, fields]: Entry): StoredMessage {
  const [, id, , at, , data, , from] = fields as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    topic,
    position: Number(entryId.split('-', 1)[0]),
    id,
    data,
    from: from === '' ? undefined : from,
    publishedAtMs: Number(at),
  };
}
