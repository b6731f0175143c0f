import { monotonicFactory } from 'ulid';
import { TopicPattern } from '../../src/realtime/rules/topic-pattern';
import type { History, NewMessage } from '../../src/realtime/history/history';

export interface HistoryFixture {
  open(): Promise<History>;
  stop(): Promise<void>;
}

const newId = monotonicFactory();
const rule = { size: 1_000, ageMs: 3_600_000 };

/** A message without the fields that do not matter. */
export function messageOf(topic: string, data: unknown, others: Partial<NewMessage> = {}): NewMessage {
  return { topic, id: newId(), data: JSON.stringify(data), history: rule, ...others };
}

/** Every promise of {@link History}, on a real server, with two processes on it. */
export function describeHistory(start: () => Promise<HistoryFixture>): void {
  let fixture: HistoryFixture;
  let one: History;
  let two: History;

  beforeAll(async () => {
    fixture = await start();
    [one, two] = [await fixture.open(), await fixture.open()];
  });
  afterAll(async () => {
    await Promise.all([one.close(), two.close()]);
    await fixture.stop();
  });

  async function dataOf(topic: string, after = 0, limit = 1_000): Promise<unknown[]> {
    const { messages } = await two.read(topic, after, rule, limit);
    return messages.map(({ data }) => JSON.parse(data) as unknown);
  }

  it('gives the messages of a topic positions from the next one on, and reads them again as they were', async () => {
    const text = 'é \u{1F600} \u0000 "\\ \n \u2028';
    const first = await one.append([messageOf('a.first', { text }, { from: 'user 1' })]);
    const [second, other] = await two.append([messageOf('a.first', 2), messageOf('a.other', 3)]);
    const { epoch, last, messages } = await two.read('a.first', 0, rule, 10);
    expect(messages.map(({ position }) => position)).toEqual([1, 2]);
    expect([last, epoch]).toEqual([2, first[0]!.epoch]);
    expect(messages[0]).toEqual(first[0]!.message);
    expect(messages[0]!.from).toBe('user 1');
    expect(JSON.parse(messages[0]!.data)).toEqual({ text });
    expect(messages[1]).toEqual(second!.message);
    expect(other!.message.position).toBe(1);
    expect(await dataOf('a.first', 1)).toEqual([2]);
    expect(await dataOf('a.first', 2)).toEqual([]);
    expect(await dataOf('a.first', 0, 1)).toEqual([{ text }]);
  });

  it('knows where topics stand, with the floor for those without messages', async () => {
    await one.append([messageOf('b.x', 1), messageOf('b.x', 2), messageOf('b.y.z', 1), messageOf('bb', 1)]);
    await one.append([messageOf('_user.b', 1)]);
    const { epoch, floor, positions } = await two.positionsOf(['b.x', 'b.none', '_user.b']);
    expect(Object.fromEntries(positions)).toEqual({ '_user.b': 1, 'b.x': 2 });
    const none = await two.read('b.none', floor, rule, 10);
    expect(none).toEqual({ epoch, last: floor, messages: [] });
    const listed = await two.list('b.', 10);
    expect(Object.fromEntries(listed.positions)).toEqual({ 'b.x': 2, 'b.y.z': 1 });
    expect([...(await two.list('', 1_000)).positions.keys()]).not.toContain('_user.b');
    expect((await two.list('b.', 1)).positions.size).toBe(2);
  });

  it('gives positions without a gap or a repetition to two processes that append at once', async () => {
    const topics = ['c.1', 'c.2', 'c.3'];
    const numbers = Array.from({ length: 60 }, (_, index) => index);
    const answers = await Promise.all(
      numbers.flatMap((number) =>
        [one, two].map((history) => {
          // In different orders: who locks one topic does not wait in a circle with who locks another.
          const order = number % 2 === 0 ? topics : topics.toReversed();
          return history.append(order.map((topic) => messageOf(topic, number)));
        }),
      ),
    );
    for (const topic of topics) {
      const { messages, last } = await one.read(topic, 0, rule, 1_000);
      expect(last).toBe(120);
      expect(messages.map(({ position }) => position)).toEqual(
        Array.from({ length: 120 }, (_, index) => index + 1),
      );
      const told = answers.flat().filter(({ message }) => message.topic === topic);
      const byPosition = told.map(({ message }) => message).toSorted((a, b) => a.position - b.position);
      expect(messages.map(({ id }) => id)).toEqual(byPosition.map(({ id }) => id));
    }
  });

  it('shows a message only when all before it can be seen', async () => {
    const writers = { areDone: false };
    const writing = Promise.all(
      [one, two].map(async (history) => {
        for (let number = 0; number < 40; number++) await history.append([messageOf('d.order', number)]);
      }),
    ).finally(() => (writers.areDone = true));
    let seen = 0;
    while (!writers.areDone) {
      const { last } = await two.read('d.order', seen, rule, 1);
      const { messages } = await two.read('d.order', seen, rule, 1_000);
      expect(messages.map(({ position }) => position)).toEqual(messages.map((_, index) => seen + 1 + index));
      expect(messages.at(-1)?.position ?? seen).toBeGreaterThanOrEqual(last);
      seen = messages.at(-1)?.position ?? seen;
    }
    await writing;
  });

  it('appends once what has a key, also of several at once, and refuses the key for anything else', async () => {
    const again = (): NewMessage => messageOf('e.key', { order: 1 }, { key: 'e-1' });
    const answers = await Promise.all([one, two, one, two].map((history) => history.append([again()])));
    expect(answers.map(([answer]) => answer!.message.position)).toEqual([1, 1, 1, 1]);
    expect(new Set(answers.map(([answer]) => answer!.message.id)).size).toBe(1);
    expect(answers.filter(([answer]) => !answer!.isDuplicate)).toHaveLength(1);
    const mixed = await one.append([messageOf('e.key', 2), again(), messageOf('e.key', 3, { key: 'e-2' })]);
    expect(mixed.map(({ message, isDuplicate }) => [message.position, isDuplicate])).toEqual([
      [2, false],
      [1, true],
      [3, false],
    ]);
    await expect(one.append([messageOf('e.key', 'other', { key: 'e-1' })])).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect(await dataOf('e.key')).toEqual([{ order: 1 }, 2, 3]);
  });

  it('keeps as many as the rule says, and gives nothing of what has a gap before it', async () => {
    const kept = { size: 3, ageMs: 3_600_000 };
    for (let number = 1; number <= 8; number++)
      await one.append([messageOf('f.kept', number, { history: kept })]);
    expect((await two.read('f.kept', 5, kept, 10)).messages.map(({ position }) => position)).toEqual([
      6, 7, 8,
    ]);
    expect(await two.read('f.kept', 4, kept, 10)).toMatchObject({ last: 8, messages: [] });
    expect(await two.read('f.kept', 8, kept, 10)).toMatchObject({ last: 8, messages: [] });
    const none = { size: 0, ageMs: 0 };
    await one.append([messageOf('f.none', 1, { history: none })]);
    expect(await two.read('f.none', 0, none, 10)).toMatchObject({ last: 1, messages: [] });
    await one.append([messageOf('f.none', 2, { history: none })]);
    expect((await two.positionsOf(['f.none'])).positions.get('f.none')).toBe(2);
  });

  it('keeps nothing for longer than the rule says', async () => {
    await one.append([messageOf('g.age', 1)]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await two.read('g.age', 0, { size: 10, ageMs: 5 }, 10)).toMatchObject({ last: 1, messages: [] });
    expect((await two.read('g.age', 0, rule, 10)).messages).toHaveLength(1);
  });

  it('skips a position of the topics of a pattern, of those without a message too, and of no others', async () => {
    await one.append([messageOf('h.a', 1), messageOf('h.b', 1), messageOf('hh', 1), messageOf('h.b.c', 1)]);
    await two.skip(TopicPattern.parse('h.a')!);
    expect(await one.read('h.a', 1, rule, 10)).toMatchObject({ last: 2, messages: [] });
    const before = await one.positionsOf([]);
    await two.skip(TopicPattern.parse('h.*')!);
    const { floor, positions } = await one.positionsOf(['h.a', 'h.b', 'hh', 'h.b.c', 'h.new', '_user.h']);
    expect(Object.fromEntries(positions)).toMatchObject({ 'h.a': 3, 'h.b': 2, hh: 1, 'h.b.c': 1 });
    expect([positions.get('_user.h') ?? floor, floor]).toEqual([0, before.floor + 1]);
    const [next] = await one.append([messageOf('h.a', 2)]);
    expect(next!.message.position).toBe(4);
    expect(await dataOf('h.a', 0)).toEqual([1]);
    expect(await dataOf('h.a', 3)).toEqual([2]);
    await two.skip(TopicPattern.parse('h.none')!);
    expect((await one.positionsOf(['h.none'])).positions.get('h.none')).toBe(floor + 1);
  });
}
