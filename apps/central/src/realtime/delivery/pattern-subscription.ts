import { RivuletError } from '@rivulet/errors';
import type { Since } from '../protocol/client-message';
import { messageLimits } from '../rules/message-limits';
import type { TopicPattern } from '../rules/topic-pattern';
import type { Cursor } from './cursor';
import type { PatternGroup, PatternSubscriber } from './pattern-group';
import type { Receiver } from './receiver';

/** Topics whose positions are asked for together. */
const ATTACHED_AT_ONCE = 100;

/** The connection and the hub, as a pattern's subscription sees them. */
export interface PatternOwner {
  attach(
    topic: string,
    since: { epoch: string; position: number } | undefined,
    told: (cursor: Cursor, isRecovered: boolean | undefined) => void,
  ): Promise<void>;
  readonly receiver: Pick<Receiver, 'tell'>;
}

export interface PatternSource {
  groupOf(pattern: TopicPattern): PatternGroup;
  list(pattern: TopicPattern): Promise<{ epoch: string; floor: number; positions: Map<string, number> }>;
  readonly onError: (error: unknown) => void;
}

/** All topics of a pattern: those that there are, and each that comes. */
export class PatternSubscription implements PatternSubscriber {
  private readonly group: PatternGroup;
  /** Topics that come while the others are attached. */
  private early: string[] | undefined = [];
  private floor = { epoch: '', position: 0 };
  private readonly cursors = new Map<string, Cursor>();
  private isEnded = false;

  constructor(
    private readonly source: PatternSource,
    private readonly owner: PatternOwner,
    readonly pattern: TopicPattern,
  ) {
    this.group = source.groupOf(pattern);
  }

  /** @throws RivuletError REALTIME_LIMIT_EXCEEDED · what History throws */
  async begin(since: Since | undefined, id: string | undefined): Promise<void> {
    // Before the list is read, so that no topic is made between.
    this.group.subscribers.add(this);
    const { epoch, floor, positions } = await this.source.list(this.pattern);
    if (positions.size > messageLimits.maxTopicsOfPattern) throw tooMany(this.pattern.text);
    const topics = [...positions.keys()];
    for (let start = 0; start < topics.length; start += ATTACHED_AT_ONCE) {
      if (this.isEnded) return;
      const some = topics.slice(start, start + ATTACHED_AT_ONCE);
      await Promise.all(some.map((topic) => this.attach(topic, since && positionIn(since, topic))));
    }
    this.floor = { epoch, position: floor };
    this.tell(id);
    // Topics without a message may have been skipped meanwhile.
    if (since !== undefined && (since.epoch !== epoch || since.position < floor)) this.tellResync();
    const early = this.early!;
    this.early = undefined;
    for (const topic of early) this.attachNew(this.pattern.text, topic);
  }

  attachNew(_pattern: string, topic: string): void {
    if (this.early !== undefined) {
      this.early.push(topic);
      return;
    }
    if (this.isEnded || this.cursors.has(topic)) return;
    if (this.cursors.size >= messageLimits.maxTopicsOfPattern) {
      const { code, message } = tooMany(this.pattern.text);
      this.owner.receiver.tell({
        type: 'error',
        code,
        error: message,
        topic: this.pattern.text,
        id: undefined,
      });
      this.end();
      return;
    }
    this.attach(topic, this.floor).catch(this.source.onError);
  }

  /** Topics that nothing was said of may have been skipped, too. */
  expect(epoch: string, position: number): void {
    if (this.early !== undefined || this.isEnded) return;
    const isSame = epoch === this.floor.epoch && position <= this.floor.position;
    if (isSame) return;
    this.floor = { epoch, position };
    this.tellResync();
  }

  tell(id: string | undefined): void {
    const positions = Object.fromEntries([...this.cursors].map(([topic, { position }]) => [topic, position]));
    const { epoch, position } = this.floor;
    this.owner.receiver.tell({ type: 'subscribe', id, topic: this.pattern.text, epoch, position, positions });
  }

  private tellResync(): void {
    this.owner.receiver.tell({ type: 'sync', resync: true, topic: this.pattern.text, ...this.floor });
  }

  end(): void {
    this.isEnded = true;
    this.group.subscribers.delete(this);
  }

  private async attach(topic: string, from: { epoch: string; position: number } | undefined): Promise<void> {
    await this.owner.attach(topic, from, (cursor, isRecovered) => {
      this.cursors.set(topic, cursor);
      if (isRecovered === false) {
        const { epoch, position } = cursor;
        this.owner.receiver.tell({ type: 'sync', resync: true, topic, epoch, position });
      }
    });
  }
}

function positionIn(since: Since, topic: string): { epoch: string; position: number } {
  return { epoch: since.epoch, position: since.positions.get(topic) ?? since.position };
}

function tooMany(pattern: string): RivuletError {
  return new RivuletError(
    'REALTIME_LIMIT_EXCEEDED',
    `${pattern} stands for more than ${messageLimits.maxTopicsOfPattern} topics.`,
  );
}
