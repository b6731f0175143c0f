import { Coalesced } from '@rivulet/platform';
import type { History, StoredMessage } from '../history/history';
import type { TopicRules } from '../rules/topic-rules';
import { wireTopic } from '../protocol/server-message';
import { Cursor } from './cursor';
import { OutgoingMessage } from './outgoing-message';
import type { Receiver } from './receiver';

/** Messages that are read from history in one go. */
const READ_LIMIT = 200;

const NOT_KEPT = { size: 0, ageMs: 0 };

export interface FeedSource {
  readonly history: Pick<History, 'read'>;
  readonly rules: TopicRules;
  /** Is told of messages given to receivers, and of receivers that have to read again. */
  readonly count: {
    delivered: (count: number) => void;
    recovered: (count: number) => void;
    resynced: () => void;
  };
  /** A read failed. It is tried again when the positions are compared. */
  readonly onError: (error: unknown) => void;
}

interface Read {
  epoch: string;
  last: number;
  outgoing: OutgoingMessage[];
}

/**
 * A topic that somebody on this process has subscribed to. Hints bring its messages; what is missing between them is
 * read from history.
 */
export class TopicFeed {
  private readonly cursors = new Set<Cursor>();
  /** Those whose recovery failed. */
  private readonly stalled = new Set<Cursor>();
  /** Reads that others wait for, too, by the position that they begin at: after a restart they are all the same. */
  private readonly reading = new Map<number, Promise<Read>>();
  private readonly catching = new Coalesced(() => this.readOn());

  constructor(
    readonly topic: string,
    private readonly source: FeedSource,
    /** The epoch of the last message that live cursors have. */
    public epoch: string,
    public position: number,
  ) {}

  get size(): number {
    return this.cursors.size;
  }

  /** From now on. */
  attach(receiver: Receiver): Cursor {
    const cursor = new Cursor(receiver, this.epoch, this.position);
    this.cursors.add(cursor);
    return cursor;
  }

  /**
   * From a position on.
   *
   * @param told - is called before the first message: with whether all that was missed follows
   */
  async attachSince(
    receiver: Receiver,
    since: { epoch: string; position: number },
    told: (cursor: Cursor, isRecovered: boolean) => void,
  ): Promise<Cursor> {
    const cursor = new Cursor(receiver, since.epoch, since.position);
    // Who has missed nothing, as most have when thousands come back at once, needs nothing of history.
    const hasAll = since.epoch === this.epoch && since.position === this.position;
    cursor.isRecovering = !hasAll;
    this.cursors.add(cursor);
    if (hasAll) {
      told(cursor, true);
      return cursor;
    }
    try {
      // Another process may have heard of more than this one.
      if (since.epoch !== this.epoch || since.position > this.position) await this.catchUp();
      const first = await this.firstOf(cursor);
      if (first === undefined) this.goLive(cursor);
      told(cursor, first !== undefined);
      if (first !== undefined) this.recover(cursor, first);
      return cursor;
    } catch (error) {
      this.detach(cursor);
      throw error;
    }
  }

  detach(cursor: Cursor): void {
    cursor.isDetached = true;
    this.cursors.delete(cursor);
  }

  /** A hint. What came before is missing if it does not follow the last one. */
  accept(epoch: string, message: StoredMessage): void {
    if (epoch !== this.epoch || message.position > this.position + 1) void this.tryCatchUp();
    else if (message.position === this.position + 1) this.advance(new OutgoingMessage(epoch, message));
  }

  /** The last position is known to be this one. */
  expect(epoch: string, position: number): void {
    if (epoch !== this.epoch || position > this.position) void this.tryCatchUp();
  }

  /** @throws what History.read throws */
  async catchUp(): Promise<void> {
    return this.catching.run();
  }

  async tryCatchUp(): Promise<void> {
    await this.catchUp().catch(this.source.onError);
  }

  private advance(outgoing: OutgoingMessage): void {
    const { position } = outgoing.message;
    this.position = position;
    let delivered = 0;
    for (const cursor of this.cursors) {
      if (cursor.isRecovering || cursor.position !== position - 1) continue;
      cursor.position = position;
      cursor.receiver.deliver(outgoing);
      delivered++;
    }
    this.source.count.delivered(delivered);
  }

  private async readOn(): Promise<void> {
    for (;;) {
      const before = this.position;
      const { epoch, last, outgoing } = await this.read(before);
      const isOut = last < before || (last > before && outgoing.length === 0 && this.position === before);
      if (epoch !== this.epoch || isOut) {
        this.restart(epoch, last);
        return;
      }
      for (const one of outgoing) if (one.message.position === this.position + 1) this.advance(one);
      if (this.position >= last) return;
    }
  }

  /** History does not reach back to where the feed is. */
  private restart(epoch: string, position: number): void {
    this.epoch = epoch;
    this.position = position;
    for (const cursor of this.cursors) if (!cursor.isRecovering) this.resync(cursor);
  }

  private resync(cursor: Cursor): void {
    cursor.epoch = this.epoch;
    cursor.position = this.position;
    this.source.count.resynced();
    const { topic, epoch, position } = this;
    cursor.receiver.tell({ type: 'sync', resync: true, topic: wireTopic(topic), epoch, position });
  }

  /** The first messages that a cursor misses, possibly none; undefined if they are no longer kept. */
  private async firstOf(cursor: Cursor): Promise<readonly OutgoingMessage[] | undefined> {
    const { epoch, last, outgoing } = await this.read(cursor.position);
    if (epoch !== cursor.epoch || cursor.position > last) return undefined;
    return outgoing.length === 0 && last > cursor.position ? undefined : outgoing;
  }

  private recover(cursor: Cursor, first: readonly OutgoingMessage[]): void {
    this.recoverAll(cursor, first).catch((error: unknown) => {
      this.source.onError(error);
      this.stalled.add(cursor);
    });
  }

  /** Tries again what failed. */
  retry(): void {
    const stalled = [...this.stalled];
    this.stalled.clear();
    for (const cursor of stalled) if (!cursor.isDetached) this.recover(cursor, []);
  }

  private async recoverAll(cursor: Cursor, first: readonly OutgoingMessage[]): Promise<void> {
    let next: readonly OutgoingMessage[] | undefined = first;
    for (;;) {
      for (const outgoing of next) {
        if (!cursor.receiver.hasRoom) await cursor.receiver.drained();
        this.deliverMissed(cursor, outgoing);
      }
      if (cursor.isDetached || cursor.receiver.isClosed) return;
      if (cursor.epoch === this.epoch && cursor.position >= this.position) break;
      next = await this.firstOf(cursor);
      if (next === undefined) {
        this.goLive(cursor);
        this.resync(cursor);
        return;
      }
    }
    // In the same turn as the comparison, so that nothing comes between.
    if (cursor.position > this.position) void this.tryCatchUp();
    cursor.isRecovering = false;
  }

  private deliverMissed(cursor: Cursor, outgoing: OutgoingMessage): void {
    if (cursor.isDetached || outgoing.message.position !== cursor.position + 1) return;
    cursor.position++;
    cursor.receiver.deliver(outgoing);
    this.source.count.recovered(1);
  }

  private goLive(cursor: Cursor): void {
    cursor.isRecovering = false;
    cursor.epoch = this.epoch;
    cursor.position = this.position;
  }

  private read(after: number): Promise<Read> {
    const known = this.reading.get(after);
    if (known !== undefined) return known;
    const reading = this.readNow(after).finally(() => this.reading.delete(after));
    this.reading.set(after, reading);
    return reading;
  }

  private async readNow(after: number): Promise<Read> {
    const rule = this.source.rules.historyOf(this.topic) ?? NOT_KEPT;
    const { epoch, last, messages } = await this.source.history.read(this.topic, after, rule, READ_LIMIT);
    return { epoch, last, outgoing: messages.map((message) => new OutgoingMessage(epoch, message)) };
  }
}
