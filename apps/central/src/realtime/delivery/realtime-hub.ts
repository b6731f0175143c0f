import type { BusBody } from '@rivulet/bus';
import { Coalesced } from '@rivulet/platform';
import type { Appended, History, NewMessage, StoredMessage } from '../history/history';
import { messageLimits } from '../rules/message-limits';
import type { TopicPattern } from '../rules/topic-pattern';
import type { TopicRules } from '../rules/topic-rules';
import { decodeHint, encodeHint, isSkipped, SKIPPED } from './hint';
import { PatternGroup } from './pattern-group';
import { PositionLoader } from './position-loader';
import { TopicFeed, type FeedSource } from './topic-feed';

/** How the hub hears of messages that other processes have stored, and tells them of its own. */
export interface Hints {
  /** Nothing depends on its arrival. */
  publish(topic: string, body: BusBody): Promise<void>;
}

const BUS_PREFIX = 'realtime.';
/** Topics that are asked for in one statement. */
const COMPARED_AT_ONCE = 1_000;

/** Brings what is published to those who have subscribed on this process. */
export class RealtimeHub {
  private readonly feeds = new Map<string, TopicFeed>();
  private readonly making = new Map<string, Promise<TopicFeed>>();
  /** Topics of which a hint came while their feed was made. */
  private readonly heardOf = new Set<string>();
  private readonly groups = new Map<string, PatternGroup>();
  private readonly positions: PositionLoader;
  private readonly comparing = new Coalesced(() => this.compareNow());

  constructor(
    readonly history: History,
    private readonly hints: Hints,
    private readonly currentRules: { readonly rules: TopicRules },
    readonly count: FeedSource['count'],
    readonly onError: FeedSource['onError'],
  ) {
    this.positions = new PositionLoader(history);
  }

  get rules(): TopicRules {
    return this.currentRules.rules;
  }

  get topicCount(): number {
    return this.feeds.size;
  }

  /** Subscribers of each topic that has some on this process. */
  counts(): Map<string, number> {
    return new Map([...this.feeds].map(([topic, { size }]) => [topic, size]));
  }

  /** @throws what History.append throws. A message that was stored is delivered, whatever happens to its hint. */
  async publish(messages: readonly NewMessage[]): Promise<Appended[]> {
    const appended = await this.history.append(messages);
    for (const { epoch, message, isDuplicate } of appended) {
      if (isDuplicate) continue;
      this.accept(epoch, message);
      this.hints.publish(BUS_PREFIX + message.topic, encodeHint(epoch, message)).catch(this.onError);
    }
    return appended;
  }

  /** See History.skip. @throws as it does */
  async skip(pattern: TopicPattern): Promise<void> {
    await this.history.skip(pattern);
    this.hints.publish(`${BUS_PREFIX}skipped`, SKIPPED).catch(this.onError);
    await this.compare();
  }

  /** Takes a message of the bus, on any topic. */
  receive(body: BusBody): void {
    if (isSkipped(body)) void this.compare();
    const hint = decodeHint(body);
    if (hint !== undefined) this.accept(hint.epoch, hint.message);
  }

  async feedOf(topic: string): Promise<TopicFeed> {
    const known = this.feeds.get(topic) ?? this.making.get(topic);
    if (known !== undefined) return known;
    const making = this.makeFeed(topic).finally(() => this.making.delete(topic));
    this.making.set(topic, making);
    return making;
  }

  groupOf(pattern: TopicPattern): PatternGroup {
    const group =
      this.groups.get(pattern.text) ?? new PatternGroup(pattern, messageLimits.maxTopicsOfPattern);
    this.groups.set(pattern.text, group);
    return group;
  }

  async list(
    pattern: TopicPattern,
  ): Promise<{ epoch: string; floor: number; positions: Map<string, number> }> {
    const { epoch, floor, positions } = await this.history.list(pattern.prefix, LISTED);
    const matching = [...positions].filter(([topic]) => pattern.matches(topic));
    return { epoch, floor, positions: new Map(matching) };
  }

  /** Compares what was delivered with what is stored: hints may have been lost. */
  async compare(): Promise<void> {
    return this.comparing.run();
  }

  private accept(epoch: string, message: StoredMessage): void {
    const { topic } = message;
    const feed = this.feeds.get(topic);
    if (feed !== undefined) feed.accept(epoch, message);
    else if (this.making.has(topic)) this.heardOf.add(topic);
    for (const group of this.groups.values()) group.noticed(topic);
  }

  private async makeFeed(topic: string): Promise<TopicFeed> {
    const { epoch, position } = await this.positions.load(topic);
    const feed = new TopicFeed(topic, this, epoch, position);
    this.feeds.set(topic, feed);
    if (this.heardOf.delete(topic)) void feed.tryCatchUp();
    return feed;
  }

  private async compareNow(): Promise<void> {
    try {
      this.dropUnused();
      const topics = [...this.feeds.keys()];
      for (let start = 0; start < topics.length; start += COMPARED_AT_ONCE)
        await this.compareTopics(topics.slice(start, start + COMPARED_AT_ONCE));
      for (const group of this.groups.values()) {
        const { epoch, floor, positions } = await this.list(group.pattern);
        for (const topic of positions.keys()) group.noticed(topic);
        group.expect(epoch, floor);
      }
    } catch (error) {
      this.onError(error);
    }
  }

  private async compareTopics(topics: readonly string[]): Promise<void> {
    const { epoch, floor, positions } = await this.history.positionsOf(topics);
    for (const topic of topics) {
      const feed = this.feeds.get(topic);
      feed?.expect(epoch, positions.get(topic) ?? floor);
      feed?.retry();
    }
  }

  private dropUnused(): void {
    for (const [topic, { size }] of this.feeds) if (size === 0) this.feeds.delete(topic);
    for (const [text, { subscribers }] of this.groups) if (subscribers.size === 0) this.groups.delete(text);
  }
}

/** Topics that begin as a pattern does; those that it matches are fewer. */
const LISTED = 10 * messageLimits.maxTopicsOfPattern;
