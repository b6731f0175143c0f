import { RivuletError } from '@rivulet/errors';
import type { Identity } from '../rules/identity';
import type { Since } from '../protocol/client-message';
import { wireTopic } from '../protocol/server-message';
import { BROADCAST_TOPIC, topicOfUser } from '../rules/topic-name';
import { TopicPattern } from '../rules/topic-pattern';
import type { Cursor } from './cursor';
import { PatternSubscription } from './pattern-subscription';
import type { RealtimeHub } from './realtime-hub';
import type { Receiver } from './receiver';
import type { TopicFeed } from './topic-feed';

/** Who has subscribed to which topic. */
interface SessionPresence {
  enter(topic: string, who: Identity): (() => void) | undefined;
  watch(topic: string, session: { readonly receiver: Receiver; readonly who: Identity }): () => void;
  /** @throws RivuletError TOPIC_FORBIDDEN */
  check(topic: string, who: Identity): void;
}

/** Ends the presence of a subscription. */
interface Present {
  leave: (() => void) | undefined;
  unwatch?: (() => void) | undefined;
}

interface Attached {
  cursor: Cursor;
  feed: TopicFeed;
}

/** The subscriptions of one connection. Calls come one after the other. */
export class Session {
  /** By what the client called them. */
  private readonly topics = new Map<string, string>();
  private patterns: Map<string, PatternSubscription> | undefined;
  private readonly attached = new Map<string, Attached>();
  private present: Map<string, Present> | undefined;
  private isClosed = false;

  constructor(
    private readonly hub: RealtimeHub,
    readonly receiver: Receiver,
    private identity: Identity,
    private readonly maxSubscriptions: number,
    private readonly presence?: SessionPresence,
  ) {}

  get who(): Identity {
    return this.identity;
  }

  /** The user stays the same; what they may see can be different now. */
  changeIdentity(identity: Identity): void {
    this.identity = identity;
    this.recheck();
  }

  /** @throws RivuletError TOPIC_FORBIDDEN · REALTIME_LIMIT_EXCEEDED · what History throws */
  async subscribe(name: string, since: Since | undefined, id?: string, isWatching = false): Promise<void> {
    const pattern = this.allowedPattern(name);
    if (isWatching) this.presence?.check(name, this.identity);
    const isKnown = this.topics.has(name) || this.patterns?.has(name) === true;
    if (!isKnown && this.topics.size + (this.patterns?.size ?? 0) >= this.maxSubscriptions)
      throw limit(`A connection may have ${this.maxSubscriptions} subscriptions.`);
    if (pattern === undefined) await this.subscribeTopic(name, since, id);
    else if (pattern.isTopic) {
      await this.subscribeTopic(name, since, id);
      this.enter(name, isWatching);
    } else await this.subscribePattern(pattern, since, id);
  }

  /** Accepts a topic without a subscription, too. */
  unsubscribe(name: string): void {
    const topic = this.topics.get(name);
    this.topics.delete(name);
    this.leave(name);
    this.patterns?.get(name)?.end();
    this.patterns?.delete(name);
    if (topic !== undefined) this.detachUnlessWanted(topic);
    else for (const known of this.attached.keys()) this.detachUnlessWanted(known);
  }

  close(): void {
    this.isClosed = true;
    for (const name of this.present?.keys() ?? []) this.leave(name);
    for (const subscription of this.patterns?.values() ?? []) subscription.end();
    for (const { cursor, feed } of this.attached.values()) feed.detach(cursor);
    this.attached.clear();
  }

  /** Ends what the rules, or the claims, do not allow any more. */
  recheck(): void {
    for (const name of [...this.topics.keys(), ...(this.patterns?.keys() ?? [])]) {
      try {
        this.allowedPattern(name);
      } catch (error) {
        this.unsubscribe(name);
        const { code, message } = error as RivuletError;
        this.receiver.tell({ type: 'error', code, error: message, topic: name, id: undefined });
      }
    }
  }

  /** Up to where each subscription of a topic is, for a stream that is resumed by it. */
  cursorOf(name: string): Cursor | undefined {
    return this.attached.get(this.topics.get(name) ?? '')?.cursor;
  }

  /** From now on, or from a position on, unless the topic is there already. */
  async attach(
    topic: string,
    since: { epoch: string; position: number } | undefined,
    told: (cursor: Cursor, isRecovered: boolean | undefined) => void,
  ): Promise<void> {
    const known = this.attached.get(topic);
    if (known !== undefined) return told(known.cursor, undefined);
    const feed = await this.hub.feedOf(topic);
    if (this.isClosed) return;
    if (since === undefined) {
      const cursor = feed.attach(this.receiver);
      this.attached.set(topic, { cursor, feed });
      told(cursor, undefined);
      return;
    }
    await feed.attachSince(this.receiver, since, (cursor, isRecovered) => {
      this.attached.set(topic, { cursor, feed });
      if (this.isClosed) feed.detach(cursor);
      else told(cursor, isRecovered);
    });
  }

  private allowedPattern(name: string): TopicPattern | undefined {
    if (name === '_user' || name === BROADCAST_TOPIC) return undefined;
    const pattern = TopicPattern.parse(name);
    if (pattern !== undefined && this.hub.rules.maySubscribe(this.identity, pattern)) return pattern;
    throw new RivuletError('TOPIC_FORBIDDEN', `There is no topic ${name} that you may subscribe to.`);
  }

  private async subscribeTopic(name: string, since: Since | undefined, id?: string): Promise<void> {
    const topic = name === '_user' ? topicOfUser(this.identity.userId) : name;
    this.topics.set(name, topic);
    try {
      await this.attach(topic, since, ({ epoch, position }, recovered) => {
        this.receiver.tell({ type: 'subscribe', id, topic: wireTopic(topic), epoch, position, recovered });
      });
    } catch (error) {
      this.topics.delete(name);
      throw error;
    }
  }

  /** Only of a topic that is named: a pattern may stand for a thousand. */
  private enter(name: string, isWatching: boolean): void {
    if (this.presence === undefined || this.isClosed || !this.topics.has(name)) return;
    const present = this.present?.get(name) ?? { leave: this.presence.enter(name, this.identity) };
    if (isWatching && present.unwatch === undefined) present.unwatch = this.presence.watch(name, this);
    if (present.leave === undefined && present.unwatch === undefined) return;
    this.present ??= new Map();
    this.present.set(name, present);
  }

  private leave(name: string): void {
    const present = this.present?.get(name);
    present?.leave?.();
    present?.unwatch?.();
    this.present?.delete(name);
  }

  private async subscribePattern(
    pattern: TopicPattern,
    since: Since | undefined,
    id?: string,
  ): Promise<void> {
    this.patterns ??= new Map();
    const name = pattern.text;
    const known = this.patterns.get(name);
    if (known !== undefined) return known.tell(id);
    const subscription = new PatternSubscription(this.hub, this, pattern);
    this.patterns.set(name, subscription);
    try {
      await subscription.begin(since, id);
    } catch (error) {
      this.unsubscribe(name);
      throw error;
    }
  }

  private detachUnlessWanted(topic: string): void {
    const isWanted =
      [...this.topics.values()].includes(topic) ||
      [...(this.patterns?.values() ?? [])].some(({ pattern }) => pattern.matches(topic));
    const attached = this.attached.get(topic);
    if (isWanted || attached === undefined) return;
    attached.feed.detach(attached.cursor);
    this.attached.delete(topic);
  }
}

function limit(message: string): RivuletError {
  return new RivuletError('REALTIME_LIMIT_EXCEEDED', message);
}
