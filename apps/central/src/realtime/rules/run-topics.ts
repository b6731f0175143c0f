import type { Identity } from './identity';
import { TopicPattern } from './topic-pattern';

/** The progress of runs of collection. Central alone publishes here, and only operators may subscribe. */
const RUNS = TopicPattern.parse('runs.*')!;

/** The end of a run must be seen by who comes back, its course need not. */
export const RUN_HISTORY = { size: 10, ageMs: 3_600_000 };

export function topicOfRun(runId: string): string {
  return `runs.${runId}`;
}

export function isRunTopic(topic: string): boolean {
  return RUNS.matches(topic);
}

/** Whether a pattern has runs among its topics. */
export function hasRuns(pattern: TopicPattern): boolean {
  return RUNS.meets(pattern);
}

/** Whether it has nothing else. */
export function hasOnlyRuns(pattern: TopicPattern): boolean {
  return RUNS.hides(pattern);
}

/** By the kind of the token, which central has verified: claims of an application's token say whatever the application likes. */
export function maySeeRuns({ kind }: Identity): boolean {
  return kind === 'operator';
}
