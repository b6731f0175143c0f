import { claimValues, type Identity } from './identity';
import type { RowRule } from './row-rule';
import { hasOnlyRuns, hasRuns, isRunTopic, maySeeRuns, RUN_HISTORY } from './run-topics';
import { BROADCAST_TOPIC, isOwnTopic } from './topic-name';
import { TopicPattern } from './topic-pattern';

/** Claims that must all be there, each with one of the values. */
export type Condition = ReadonlyMap<string, ReadonlySet<string>>;

/** `any`: whoever has a valid token. A list: who meets one of the conditions. Nobody if it is empty. */
export type Permission = 'any' | readonly Condition[];

/** How much of a topic can be recovered. */
export interface HistoryRule {
  /** Messages. */
  size: number;
  ageMs: number;
}

export interface TopicRule {
  pattern: TopicPattern;
  subscribe: Permission;
  /** For clients. Operators and API keys publish by REST. */
  publish: Permission;
  history: HistoryRule;
  /** Who may see who has subscribed. Nobody, and it is not kept, unless the file says so. */
  presence: Permission;
}

/** The rules of realtime.yaml. Anything they do not allow is refused. */
export class TopicRules {
  static readonly none = new TopicRules(
    [],
    { size: 100, ageMs: 86_400_000 },
    { size: 100, ageMs: 86_400_000 },
  );

  constructor(
    readonly rules: readonly TopicRule[],
    /** The history of messages to one user. */
    private readonly userHistory: HistoryRule,
    private readonly broadcastHistory: HistoryRule,
    /** Tables whose changed rows are messages. */
    readonly rows: readonly RowRule[] = [],
  ) {}

  /** Undefined where there is no such topic. The first rule that matches counts. */
  historyOf(topic: string): HistoryRule | undefined {
    if (topic === BROADCAST_TOPIC) return this.broadcastHistory;
    if (isOwnTopic(topic)) return this.userHistory;
    if (isRunTopic(topic)) return RUN_HISTORY;
    return this.rules.find(({ pattern }) => pattern.matches(topic))?.history;
  }

  /** Whether one rule allows all topics of the pattern, and no earlier rule has a say in any of them. */
  maySubscribe(identity: Identity, pattern: TopicPattern): boolean {
    return this.isAllowed(identity, pattern, 'subscribe');
  }

  mayPublish(identity: Identity, topic: string): boolean {
    const pattern = TopicPattern.parse(topic);
    return pattern !== undefined && pattern.isTopic && this.isAllowed(identity, pattern, 'publish');
  }

  /** Whether it is kept who has subscribed. */
  hasPresence(topic: string): boolean {
    if (isOwnTopic(topic) || isRunTopic(topic)) return false;
    const presence = this.rules.find(({ pattern }) => pattern.matches(topic))?.presence ?? [];
    return presence === 'any' || presence.length > 0;
  }

  maySeePresence(identity: Identity, topic: string): boolean {
    const pattern = TopicPattern.parse(topic);
    return pattern !== undefined && pattern.isTopic && this.isAllowed(identity, pattern, 'presence');
  }

  private isAllowed(
    identity: Identity,
    pattern: TopicPattern,
    action: 'subscribe' | 'publish' | 'presence',
  ): boolean {
    // Before the rules of the file, which can neither take these topics nor give them away.
    if (hasRuns(pattern)) {
      if (action !== 'subscribe' || !maySeeRuns(identity)) return false;
      if (hasOnlyRuns(pattern)) return true;
    }
    const rule = this.rules.find((candidate) => candidate.pattern.meets(pattern));
    const needed = rule?.pattern.covers(pattern);
    if (rule === undefined || needed === undefined) return false;
    const hasClaims = needed.every(({ claim, value }) => claimValues(identity, claim).includes(value));
    return hasClaims && isPermitted(identity, rule[action]);
  }
}

function isPermitted(identity: Identity, permission: Permission): boolean {
  if (permission === 'any') return true;
  return permission.some((condition) =>
    [...condition].every(([claim, values]) =>
      claimValues(identity, claim).some((value) => values.has(value)),
    ),
  );
}
