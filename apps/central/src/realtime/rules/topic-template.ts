import { isTopic, isTopicWord } from './topic-name';
import { TopicPattern } from './topic-pattern';

type Part = { word: string } | { column: string };

/** A topic some words of which are the values of columns: `orders.{site_id}`. */
export class TopicTemplate {
  private constructor(
    readonly text: string,
    private readonly parts: readonly Part[],
    /** All topics that it can become. */
    readonly pattern: TopicPattern,
  ) {}

  /** Undefined if the text is no template. */
  static parse(text: string): TopicTemplate | undefined {
    const parts: Part[] = [];
    for (const word of text.split('.')) {
      const column = /^\{(\w{1,63})\}$/.exec(word)?.[1];
      if (column === undefined && !isTopicWord(word)) return undefined;
      parts.push(column === undefined ? { word } : { column });
    }
    const pattern = TopicPattern.parse(parts.map((part) => ('word' in part ? part.word : '*')).join('.'));
    return pattern === undefined ? undefined : new TopicTemplate(text, parts, pattern);
  }

  get columns(): string[] {
    return this.parts.flatMap((part) => ('column' in part ? [part.column] : []));
  }

  /** Undefined if a value cannot be a word of a topic: then nobody can have subscribed to it. */
  fill(values: readonly string[]): string | undefined {
    let next = 0;
    const topic = this.parts.map((part) => ('word' in part ? part.word : (values[next++] ?? ''))).join('.');
    return isTopic(topic) && topic.split('.').length === this.parts.length ? topic : undefined;
  }
}
