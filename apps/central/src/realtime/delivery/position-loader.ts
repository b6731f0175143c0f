import type { History, Positions } from '../history/history';

const MAX_AT_ONCE = 1_000;

/** Asks for the positions of many topics at once: of those whose first subscribers come at the same time. */
export class PositionLoader {
  private next: { topics: Set<string>; positions: Promise<Positions> } | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly history: Pick<History, 'positionsOf'>) {}

  async load(topic: string): Promise<{ epoch: string; position: number }> {
    if (this.next === undefined || this.next.topics.size >= MAX_AT_ONCE) this.next = this.prepare();
    this.next.topics.add(topic);
    const { epoch, floor, positions } = await this.next.positions;
    return { epoch, position: positions.get(topic) ?? floor };
  }

  /** Asked when the question before has been answered. */
  private prepare(): NonNullable<PositionLoader['next']> {
    const topics = new Set<string>();
    const ask = (): Promise<Positions> => {
      if (this.next?.topics === topics) this.next = undefined;
      return this.history.positionsOf([...topics]);
    };
    const positions = this.turn.then(ask, ask);
    this.turn = positions.catch(() => undefined);
    return { topics, positions };
  }
}
