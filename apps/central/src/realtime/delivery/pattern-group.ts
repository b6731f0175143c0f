import type { TopicPattern } from '../rules/topic-pattern';

/** Who has subscribed to a pattern. */
export interface PatternSubscriber {
  /** A topic of the pattern has its first message, or is heard of for the first time. */
  attachNew(pattern: string, topic: string): void;
  /** Topics without a message stand here. */
  expect(epoch: string, floor: number): void;
}

/** A pattern with subscribers, and the topics of it that all of them have. */
export class PatternGroup {
  readonly subscribers = new Set<PatternSubscriber>();
  private readonly topics = new Set<string>();

  constructor(
    readonly pattern: TopicPattern,
    private readonly maxTopics: number,
  ) {}

  /** Cheap for a topic that is known, or is not one of the pattern. */
  noticed(topic: string): void {
    if (this.topics.has(topic) || this.topics.size > this.maxTopics || !this.pattern.matches(topic)) return;
    this.topics.add(topic);
    for (const subscriber of this.subscribers) subscriber.attachNew(this.pattern.text, topic);
  }

  expect(epoch: string, floor: number): void {
    for (const subscriber of this.subscribers) subscriber.expect(epoch, floor);
  }
}
