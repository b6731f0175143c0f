import { isTopicWord, topicLimits } from './topic-name';

/** A word of a pattern: itself, any one word, any one or more words at the end, or the value of a claim. */
type PatternWord =
  { kind: 'literal'; word: string } | { kind: 'one' } | { kind: 'rest' } | { kind: 'claim'; claim: string };

const CLAIM = /^\{([A-Za-z_][A-Za-z0-9_-]{0,63})\}$/;

/** Topics by their words: `orders.*.changed`, `sites.{site_id}.>`. */
export class TopicPattern {
  private constructor(
    readonly text: string,
    private readonly words: readonly PatternWord[],
  ) {}

  /** Undefined if the text is no pattern. Only a rule may have claims. */
  static parse(text: string, { mayHaveClaims = false } = {}): TopicPattern | undefined {
    if (text.length > topicLimits.maxLength) return undefined;
    const parts = text.split('.');
    if (parts.length > topicLimits.maxWords) return undefined;
    const words = parts.map((part, index) => readWord(part, mayHaveClaims, index === parts.length - 1));
    return words.includes(undefined) ? undefined : new TopicPattern(text, words as PatternWord[]);
  }

  /** Whether it stands for exactly one topic. */
  get isTopic(): boolean {
    return this.words.every(({ kind }) => kind === 'literal');
  }

  /** The words before the first that is open, with a dot behind each: what all its topics begin with. */
  get prefix(): string {
    const open = this.words.findIndex(({ kind }) => kind !== 'literal');
    const literal = this.text.split('.').slice(0, open === -1 ? undefined : open);
    return open === -1 ? this.text : literal.map((word) => `${word}.`).join('');
  }

  /** The same as a regular expression, for PostgreSQL and for JavaScript. */
  get regex(): string {
    const words = this.words.map((own) => {
      if (own.kind === 'rest') return '.+';
      return own.kind === 'literal' ? own.word : '[^.]+';
    });
    return `^${words.join('[.]')}$`;
  }

  matches(topic: string): boolean {
    const words = topic.split('.');
    if (this.isOpen ? words.length < this.words.length : words.length !== this.words.length) return false;
    return this.words.every((own, index) => own.kind !== 'literal' || own.word === words[index]);
  }

  /** Whether there is a topic that both match. */
  meets(other: TopicPattern): boolean {
    const [short, long] = this.words.length <= other.words.length ? [this, other] : [other, this];
    if (short.words.length < long.words.length && !short.isOpen) return false;
    return short.words.every((own, index) => {
      const theirs = long.words[index]!;
      return own.kind !== 'literal' || theirs.kind !== 'literal' || own.word === theirs.word;
    });
  }

  /**
   * Whether it matches every topic that the other one does, and which values its claims must have for that; undefined if
   * not. A claim stands for one value, so an open word of the other one is too much for it.
   */
  covers(other: TopicPattern): { claim: string; value: string }[] | undefined {
    if (this.isOpen ? other.words.length < this.words.length : other.words.length !== this.words.length)
      return undefined;
    if (other.isOpen && !this.isOpen) return undefined;
    const claims: { claim: string; value: string }[] = [];
    for (const [index, own] of this.words.entries()) {
      const theirs = other.words[index]!;
      if (own.kind === 'rest') break;
      if (own.kind === 'one' && theirs.kind !== 'rest') continue;
      if (theirs.kind !== 'literal') return undefined;
      if (own.kind === 'literal' && own.word !== theirs.word) return undefined;
      if (own.kind === 'claim') claims.push({ claim: own.claim, value: theirs.word });
    }
    return claims;
  }

  /** Whether it matches every topic that the other pattern of a rule does. */
  hides(other: TopicPattern): boolean {
    if (this.isOpen ? other.words.length < this.words.length : other.words.length !== this.words.length)
      return false;
    if (other.isOpen && !this.isOpen) return false;
    return this.words.every(({ kind }, index) => {
      const theirs = other.words[index]!;
      if (kind === 'rest') return true;
      if (kind !== 'literal') return theirs.kind !== 'rest';
      return theirs.kind === 'literal' && theirs.word === (this.words[index] as { word: string }).word;
    });
  }

  private get isOpen(): boolean {
    return this.words.at(-1)!.kind === 'rest';
  }
}

function readWord(part: string, mayHaveClaims: boolean, isLast: boolean): PatternWord | undefined {
  if (part === '*') return { kind: 'one' };
  if (part === '>') return isLast ? { kind: 'rest' } : undefined;
  const claim = mayHaveClaims ? CLAIM.exec(part)?.[1] : undefined;
  if (claim !== undefined) return { kind: 'claim', claim };
  return isTopicWord(part) ? { kind: 'literal', word: part } : undefined;
}
