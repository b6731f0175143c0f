import type { TopicPattern } from '../../rules/topic-pattern';
import type { HistoryRule } from '../../rules/topic-rules';
import { AppendQueue } from '../append-queue';
import { contiguousAfter } from '../contiguous';
import type { Appended, History, NewMessage, Positions, Recovered, StoredMessage } from '../history';
import { digestOf, keyReused } from '../message-key';
import { AppendTopic } from './append-topic';
import { JetStreamStore } from './jetstream-store';
import { mapAtMost } from './map-at-most';
import { pruneTopics } from './prune-topics';
import { firstAfter } from './first-after';
import { LOG_PREFIX } from './streams';
import { TopicHeads } from './topic-heads';

const TOPICS_AT_ONCE = 32;
const byName = (a: string, b: string): number => (a < b ? -1 : 1);

const CALLS_AT_ONCE = 64;

/** History in JetStream, of NATS from 2.9 on: a stream with a subject for each topic, whose messages carry their position. */
export class JetStreamHistory implements History {
  private readonly store: JetStreamStore;
  private readonly heads: TopicHeads;
  private readonly appender: AppendTopic;
  /** Each call by itself: another one's failure would be answered to those whose messages are stored. */
  private readonly queue = new AppendQueue(
    (messages) => this.store.ask(() => this.appendNow(messages)),
    1,
    CALLS_AT_ONCE,
  );

  constructor(url: string) {
    this.store = new JetStreamStore(new URL(url));
    this.heads = new TopicHeads(this.store);
    this.appender = new AppendTopic(this.store, this.heads);
    this.store.onNew = () => this.heads.clear();
  }

  append(messages: readonly NewMessage[]): Promise<Appended[]> {
    return this.queue.append(messages);
  }

  async read(topic: string, after: number, rule: HistoryRule, limit: number): Promise<Recovered> {
    return this.store.ask(async () => {
      const [{ epoch, floor, ownFloor }, head] = await Promise.all([
        this.store.readState(),
        this.heads.read(topic),
      ]);
      if (head === undefined) return { epoch, last: topic.startsWith('_') ? ownFloor : floor, messages: [] };
      const from = Math.max(after, head.position - rule.size);
      const oldest = Date.now() - rule.ageMs;
      const messages: StoredMessage[] = [];
      // One that is not there any more leaves a gap, behind which nothing is needed.
      if (from === after && from < head.position) {
        for await (const { message, position, storedAtMs } of firstAfter(this.store, topic, from, head)) {
          if (message === undefined || position !== from + 1 + messages.length || storedAtMs <= oldest) break;
          messages.push(message);
          if (messages.length === limit) break;
        }
      }
      return { epoch, last: head.position, messages: contiguousAfter(after, messages) };
    });
  }

  async positionsOf(topics: readonly string[]): Promise<Positions> {
    return this.store.ask(async () => {
      const { epoch, floor, ownFloor } = await this.store.readState();
      const positions = await this.heads.readAll(topics);
      for (const topic of topics)
        if (topic.startsWith('_') && !positions.has(topic)) positions.set(topic, ownFloor);
      return { epoch, floor, positions };
    });
  }

  async list(prefix: string, limit: number): Promise<Positions> {
    return this.store.ask(async () => {
      const { epoch, floor } = await this.store.readState();
      const subjects = await this.store.subjects(`${LOG_PREFIX}${prefix}>`);
      const topics = [...subjects.keys()]
        .map((subject) => subject.slice(LOG_PREFIX.length))
        .filter((topic) => !topic.startsWith('_'))
        .toSorted(byName)
        .slice(0, limit + 1);
      return { epoch, floor, positions: await this.heads.readAll(topics) };
    });
  }

  /** The floor first: a topic that is made meanwhile begins there. */
  async skip(pattern: TopicPattern): Promise<void> {
    if (pattern.isTopic) return this.store.ask(() => this.appender.skip(pattern.text));
    await this.store.ask(() => this.store.changeState((state) => ({ ...state!, floor: state!.floor + 1 })));
    const { positions } = await this.list(pattern.prefix, Number.MAX_SAFE_INTEGER - 1);
    const topics = [...positions.keys()].filter((topic) => pattern.matches(topic));
    await this.store.ask(() => mapAtMost(TOPICS_AT_ONCE, topics, (topic) => this.appender.skip(topic)));
  }

  async prune(): Promise<void> {
    await this.store.ask(() => pruneTopics(this.store));
  }

  async close(): Promise<void> {
    await this.store.close();
  }

  /** Each topic by itself. Nothing is stored when a key is refused. */
  private async appendNow(messages: readonly NewMessage[]): Promise<Appended[]> {
    await this.refuseReused(messages);
    const byTopic = new Map<string, NewMessage[]>();
    for (const message of messages) {
      const ofTopic = byTopic.get(message.topic);
      if (ofTopic === undefined) byTopic.set(message.topic, [message]);
      else ofTopic.push(message);
    }
    const appended = new Map<NewMessage, Appended>();
    await mapAtMost(TOPICS_AT_ONCE, [...byTopic.values()], async (ofTopic) => {
      for (const message of ofTopic) appended.set(message, await this.appender.append(message));
    });
    return messages.map((message) => appended.get(message)!);
  }

  private async refuseReused(messages: readonly NewMessage[]): Promise<void> {
    const keyed = messages.filter(({ key }) => key !== undefined);
    if (keyed.length < 2) return;
    await mapAtMost(TOPICS_AT_ONCE, keyed, async (message) => {
      const known = await this.appender.findKey(message.key!);
      if (known !== undefined && known.digest !== digestOf(message)) throw keyReused(message.key!);
    });
  }
}
