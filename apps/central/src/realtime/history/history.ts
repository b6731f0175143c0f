import type { TopicPattern } from '../rules/topic-pattern';
import type { HistoryRule } from '../rules/topic-rules';

export interface NewMessage {
  topic: string;
  /** ULID. */
  id: string;
  /** JSON. */
  data: string;
  /** The user who sent it, if it was a client. */
  from?: string | undefined;
  /** Appended once, however often it is given. */
  key?: string | undefined;
  history: HistoryRule;
}

export interface StoredMessage {
  topic: string;
  /** From 1 on, without a gap, in the order in which messages of the topic became visible. */
  position: number;
  id: string;
  data: string;
  from: string | undefined;
  publishedAtMs: number;
}

/** A topic's state at one moment. */
export interface Appended {
  /** Positions of another epoch say nothing. */
  epoch: string;
  message: StoredMessage;
  /** The key was known: this is where the message has been since. */
  isDuplicate: boolean;
}

export interface Recovered {
  epoch: string;
  /** The position of the last message, whether it is still there or not. */
  last: number;
  /** The messages after the given position, without a gap, up to the limit; empty when they are no longer kept. */
  messages: StoredMessage[];
}

export interface Positions {
  epoch: string;
  /** The position of every topic of an application that has none of its own. It never falls. */
  floor: number;
  positions: Map<string, number>;
}

/**
 * The published messages, by topic. A position is given when a message is stored, and is visible after all smaller ones.
 *
 * Its methods throw RivuletError DATABASE_UNAVAILABLE · BUS_UNAVAILABLE · REALTIME_HISTORY_UNUSABLE when the store cannot be reached.
 */
export abstract class History {
  /** In the order given. One after the other where the store has no transactions: repeat it with the same keys. */
  abstract append(messages: readonly NewMessage[]): Promise<Appended[]>;
  abstract read(topic: string, after: number, rule: HistoryRule, limit: number): Promise<Recovered>;
  abstract positionsOf(topics: readonly string[]): Promise<Positions>;
  /** The positions of topics with this prefix: at most `limit`, and one more to tell that there are more. */
  abstract list(prefix: string, limit: number): Promise<Positions>;
  /**
   * Gives each topic of the pattern a position without a message, also topics that have none yet: whoever is before it
   * is told to read its state again.
   */
  abstract skip(pattern: TopicPattern): Promise<void>;
  /** Removes what no rule keeps any more. Others do not wait for it. */
  abstract prune(): Promise<void>;
  abstract close(): Promise<void>;
}
