import type { BusBody } from '@rivulet/bus';
import type { PresenceBook, PresenceEntry } from './presence-book';
import { decodePresence, encodePresence, type PresenceMessage } from './presence-message';

/** Users in one message of the bus, which takes 512 KiB. */
const MAX_USERS = 300;
/** Changes within this time are told together. */
const TELL_AFTER_MS = 50;
const SILENT_MS = 15_000;
const ASK_EVERY_MS = 2_000;

interface Other {
  /** The number of its last message that counts; undefined until its whole state has come. */
  number: number | undefined;
  heardAtMs: number;
  askedAtMs: number;
  /** The parts of its state that have come. */
  parts: PresenceEntry[] | undefined;
}

interface GossipOptions {
  /** The ID of this process. */
  id: string;
  publish: (body: BusBody) => void;
  /** The monotonic clock. */
  nowMs: () => number;
  /** Another process has told this. */
  onEntry: (source: string, entry: PresenceEntry) => void;
}

/**
 * Tells the other processes who is connected to this one. Each message has a number, so that whoever misses one asks for the whole
 * state; a process of which nothing is heard for long has nobody.
 */
export class PresenceGossip {
  private number = 0;
  private readonly changed = new Map<string, { topic: string; userId: string }>();
  private timer: NodeJS.Timeout | undefined;
  private readonly others = new Map<string, Other>();

  constructor(
    private readonly book: PresenceBook,
    private readonly options: GossipOptions,
  ) {}

  tell(topic: string, userId: string): void {
    this.changed.set(`${topic}\n${userId}`, { topic, userId });
    this.timer ??= setTimeout(() => this.flush(), TELL_AFTER_MS).unref();
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { id } = this.options;
    const entries = [...this.changed.values()].map(({ topic, userId }) =>
      this.book.entryOf(id, topic, userId),
    );
    this.changed.clear();
    for (let start = 0; start < entries.length; start += MAX_USERS)
      this.send({
        kind: 'changed',
        from: id,
        number: ++this.number,
        entries: entries.slice(start, start + MAX_USERS),
      });
  }

  /** From time to time: says that this process is there, and looks whether the others are. */
  beat(): void {
    const { id, nowMs } = this.options;
    if (this.number > 0) this.send({ kind: 'beat', from: id, number: this.number });
    for (const [source, { heardAtMs }] of this.others)
      if (nowMs() - heardAtMs > SILENT_MS) this.forget(source);
  }

  /** Messages may have been missed. */
  askAll(): void {
    for (const other of this.others.values()) other.number = undefined;
    this.send({ kind: 'wanted', from: this.options.id, of: undefined });
  }

  sayGoodbye(): void {
    clearTimeout(this.timer);
    if (this.number > 0) this.send({ kind: 'gone', from: this.options.id });
  }

  receive(body: BusBody): void {
    const message = decodePresence(body);
    const { id, nowMs } = this.options;
    if (message === undefined || message.from === id) return;
    if (message.kind === 'wanted') {
      if (message.of === undefined || message.of === id) this.tellAll();
      return;
    }
    if (message.kind === 'gone') return this.forget(message.from);
    const other = this.others.get(message.from) ?? {
      number: undefined,
      heardAtMs: nowMs(),
      askedAtMs: -Infinity,
      parts: undefined,
    };
    this.others.set(message.from, other);
    other.heardAtMs = nowMs();
    this.take(other, message);
  }

  private take(other: Other, message: Extract<PresenceMessage, { number: number }>): void {
    const { from, number } = message;
    if (message.kind === 'state') return this.takeState(other, message);
    const isNext =
      other.number !== undefined && number === other.number + (message.kind === 'changed' ? 1 : 0);
    if (!isNext) return this.ask(from, other);
    other.number = number;
    if (message.kind === 'changed') for (const entry of message.entries) this.options.onEntry(from, entry);
  }

  private takeState(other: Other, message: Extract<PresenceMessage, { kind: 'state' }>): void {
    const { from, number, isFirst, isLast, entries } = message;
    if (isFirst) other.parts = [];
    if (other.parts === undefined) return;
    other.parts.push(...entries);
    if (!isLast) return;
    const keys = new Set(other.parts.map(({ topic, userId }) => `${topic}\n${userId}`));
    for (const { topic, userId } of this.book.of(from))
      if (!keys.has(`${topic}\n${userId}`))
        this.options.onEntry(from, { topic, userId, connections: 0, sinceMs: 0 });
    for (const entry of other.parts) this.options.onEntry(from, entry);
    other.parts = undefined;
    other.number = number;
  }

  private ask(of: string, other: Other): void {
    const nowMs = this.options.nowMs();
    other.number = undefined;
    if (nowMs - other.askedAtMs < ASK_EVERY_MS) return;
    other.askedAtMs = nowMs;
    this.send({ kind: 'wanted', from: this.options.id, of });
  }

  /** Includes changes that were not told yet. */
  private tellAll(): void {
    this.flush();
    const { id } = this.options;
    const entries = this.book.of(id);
    if (this.number === 0) return;
    for (let start = 0; start === 0 || start < entries.length; start += MAX_USERS)
      this.send({
        kind: 'state',
        from: id,
        number: this.number,
        isFirst: start === 0,
        isLast: start + MAX_USERS >= entries.length,
        entries: entries.slice(start, start + MAX_USERS),
      });
  }

  private forget(source: string): void {
    this.others.delete(source);
    for (const { topic, userId } of this.book.of(source))
      this.options.onEntry(source, { topic, userId, connections: 0, sinceMs: 0 });
  }

  private send(message: PresenceMessage): void {
    this.options.publish(encodePresence(message));
  }
}
