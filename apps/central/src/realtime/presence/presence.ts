import type { BusBody } from '@rivulet/bus';
import { RivuletError } from '@rivulet/errors';
import type { Receiver } from '../delivery/receiver';
import type { Identity } from '../rules/identity';
import type { TopicRules } from '../rules/topic-rules';
import { PresenceBook, type PresenceEntry, type PresentUser } from './presence-book';
import { PresenceGossip } from './presence-gossip';

/** Whoever is back by then has not left: a reconnect is nothing that others need to hear of. */
const LEAVE_AFTER_MS = 5_000;

/** A subscription that is told who comes and goes. */
export interface Watcher {
  readonly receiver: Pick<Receiver, 'tell'>;
  /** The owner of its present token. */
  readonly who: Identity;
}

interface PresenceOptions {
  id: string;
  publish: (body: BusBody) => void;
  rules: { readonly rules: TopicRules };
  /** The monotonic clock. */
  nowMs?: () => number;
  leaveAfterMs?: number;
}

/** Who has subscribed to the topics whose rule has `presence`, on all processes of central. */
export class Presence {
  private readonly book = new PresenceBook();
  private readonly gossip: PresenceGossip;
  private readonly watchers = new Map<string, Set<Watcher>>();
  /** Who has left, and when that is told. */
  private readonly leaving = new Map<string, { topic: string; userId: string; dueMs: number }>();
  private readonly nowMs: () => number;

  constructor(private readonly options: PresenceOptions) {
    this.nowMs = options.nowMs ?? ((): number => performance.now());
    this.gossip = new PresenceGossip(this.book, {
      id: options.id,
      publish: options.publish,
      nowMs: this.nowMs,
      onEntry: (source, entry) => this.set(source, entry),
    });
  }

  /** Users, counted for each topic. */
  get size(): number {
    return this.book.size;
  }

  /** @returns what ends it; undefined where the topic's rule has no presence */
  enter(topic: string, { userId }: Identity): (() => void) | undefined {
    if (!this.rules.hasPresence(topic)) return undefined;
    this.count(topic, userId, 1);
    let isEntered = true;
    return () => {
      if (isEntered) this.count(topic, userId, -1);
      isEntered = false;
    };
  }

  /**
   * Tells who is there, and then who comes and goes.
   *
   * @returns what ends it
   * @throws RivuletError TOPIC_FORBIDDEN
   */
  watch(topic: string, watcher: Watcher): () => void {
    this.tellUsers(topic, watcher, undefined);
    const watchers = this.watchers.get(topic) ?? new Set();
    this.watchers.set(topic, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.watchers.get(topic) === watchers) this.watchers.delete(topic);
    };
  }

  /** @throws RivuletError TOPIC_FORBIDDEN */
  tellUsers(topic: string, { receiver, who }: Watcher, id: string | undefined): void {
    this.check(topic, who);
    const users = this.usersOf(topic).map(({ userId, connections, sinceMs }) => ({
      user_id: userId,
      connections,
      since: Math.floor(sinceMs / 1_000),
    }));
    receiver.tell({ type: 'presence', id, topic, users });
  }

  /** @throws RivuletError TOPIC_FORBIDDEN */
  check(topic: string, who: Identity): void {
    if (this.rules.maySeePresence(who, topic)) return;
    throw new RivuletError('TOPIC_FORBIDDEN', `There is no topic ${topic} whose subscribers you may see.`);
  }

  usersOf(topic: string): PresentUser[] {
    return this.book.usersOf(topic);
  }

  receive(body: BusBody): void {
    this.gossip.receive(body);
  }

  askAll(): void {
    this.gossip.askAll();
  }

  beat(): void {
    this.gossip.beat();
  }

  sayGoodbye(): void {
    this.gossip.sayGoodbye();
  }

  /** Once a second: tells of those who have not come back. */
  tellLeft(): void {
    const nowMs = this.nowMs();
    for (const [key, { topic, userId, dueMs }] of this.leaving) {
      if (dueMs > nowMs) continue;
      this.leaving.delete(key);
      if (!this.book.isPresent(topic, userId)) this.tellWatchers(topic, 'leave', userId);
    }
  }

  private get rules(): TopicRules {
    return this.options.rules.rules;
  }

  private count(topic: string, userId: string, change: 1 | -1): void {
    const { id } = this.options;
    const connections = Math.max(0, this.book.connectionsOf(id, topic, userId) + change);
    this.set(id, { topic, userId, connections, sinceMs: Date.now() });
    this.gossip.tell(topic, userId);
  }

  private set(source: string, entry: PresenceEntry): void {
    const { topic, userId } = entry;
    const change = this.book.set(source, entry);
    if (change === undefined) return;
    const key = `${topic}\n${userId}`;
    if (change === 'join') {
      if (!this.leaving.delete(key)) this.tellWatchers(topic, 'join', userId);
    } else if (this.watchers.has(topic)) {
      const dueMs = this.nowMs() + (this.options.leaveAfterMs ?? LEAVE_AFTER_MS);
      this.leaving.set(key, { topic, userId, dueMs });
    }
  }

  private tellWatchers(topic: string, event: 'join' | 'leave', userId: string): void {
    for (const { receiver, who } of this.watchers.get(topic) ?? [])
      if (this.rules.maySeePresence(who, topic))
        receiver.tell({ type: 'presence', id: undefined, topic, event, user_id: userId });
  }
}
