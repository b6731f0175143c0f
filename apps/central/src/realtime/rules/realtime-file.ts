import { readFile } from 'node:fs/promises';
import { FileProblems, YamlNode } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import { parseDuration } from '@rivulet/platform';
import { readRowRules } from './read-row-rules';
import { readPermission } from './read-permission';
import type { RowRule } from './row-rule';
import { hasOnlyRuns } from './run-topics';
import { TopicPattern } from './topic-pattern';
import { TopicRules, type HistoryRule, type TopicRule } from './topic-rules';

const FILE_FIELDS = ['version', 'users', 'broadcast', 'topics', 'rows'] as const;
const TOPIC_FIELDS = ['topic', 'subscribe', 'publish', 'history', 'presence'] as const;
const HISTORY_FIELDS = ['size', 'age'] as const;

const MAX_RULES = 1_000;
const MAX_HISTORY_SIZE = 100_000;
const MAX_HISTORY_AGE_MS = 30 * 86_400_000;

const OWN_HISTORY: HistoryRule = { size: 100, ageMs: 86_400_000 };
const NO_HISTORY: HistoryRule = { size: 0, ageMs: 0 };

/** Tells of each entry of `rows` why the source cannot tell of its changes, if so. */
export type CheckRows = (rows: readonly RowRule[]) => Promise<(string | undefined)[]>;

/**
 * @throws RivuletError REALTIME_FILE_INVALID with the line and column of every mistake · what `check` throws when the source cannot
 *   be asked
 */
export async function loadRealtimeFile(path: string, check: CheckRows): Promise<TopicRules> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new RivuletError('REALTIME_FILE_INVALID', `${path} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  const rules = parseRealtimeFile(path, text);
  const problems = new FileProblems();
  const reasons = await check(rules.rows);
  for (const [index, { place, kind, name }] of rules.rows.entries()) {
    const reason = reasons[index];
    if (reason !== undefined) problems.add(place, `changes of the ${kind} ${name} cannot be told: ${reason}`);
  }
  problems.throwIfAny('REALTIME_FILE_INVALID');
  return rules;
}

/** @throws RivuletError REALTIME_FILE_INVALID with the line and column of every mistake */
export function parseRealtimeFile(path: string, text: string): TopicRules {
  const problems = new FileProblems();
  const file = problems.attempt(() => readFileNode(YamlNode.parse(path, text, problems), problems));
  problems.throwIfAny('REALTIME_FILE_INVALID');
  return file!;
}

function readFileNode(root: YamlNode, problems: FileProblems): TopicRules {
  const fields = root.fields('the file', FILE_FIELDS, { mayExtend: true });
  if (fields.version?.is(1) !== true)
    problems.add((fields.version ?? root).place, 'the file must have `version: 1`');
  const own = (name: 'users' | 'broadcast'): HistoryRule =>
    problems.attempt(() => readOwn(fields[name], name)) ?? OWN_HISTORY;
  const topics = problems.attempt(() => listOf(fields.topics, 'topics')) ?? [];
  const rules = topics.flatMap((item) => problems.attempt(() => readRule(item, problems)) ?? []);
  findHidden(rules, problems);
  const all = rules.map(({ rule }) => rule);
  const rows = problems.attempt(() => readRowRules(fields.rows, all, problems)) ?? [];
  return new TopicRules(all, own('users'), own('broadcast'), rows);
}

interface PlacedRule {
  rule: TopicRule;
  place: string;
}

function readRule(node: YamlNode, problems: FileProblems): PlacedRule | undefined {
  const { topic, subscribe, publish, history, presence } = node.fields('a topic', TOPIC_FIELDS);
  if (topic === undefined) throw node.invalid('the topic has no name; add `topic:`');
  const { text } = topic.text('the topic');
  const pattern = TopicPattern.parse(text, { mayHaveClaims: true });
  if (pattern === undefined) {
    throw topic.invalid(
      `"${text}" is not a topic: it has words of letters, digits, - and _ with dots between them, * for any word, ` +
        '{claim} for the value of a claim, and > at the end for any words; a word does not begin with _',
    );
  }
  const what = `topic ${text}`;
  const rule = {
    pattern,
    subscribe: problems.attempt(() => readPermission(subscribe, `subscribe of ${what}`)) ?? [],
    publish: problems.attempt(() => readPermission(publish, `publish of ${what}`)) ?? [],
    history: problems.attempt(() => readHistory(history, what)) ?? NO_HISTORY,
    presence: problems.attempt(() => readPermission(presence, `presence of ${what}`)) ?? [],
  };
  return { rule, place: topic.place };
}

function readOwn(node: YamlNode | undefined, what: string): HistoryRule {
  const fields = node?.fields(what, ['history']);
  return fields?.history === undefined ? OWN_HISTORY : readHistory(fields.history, what);
}

function readHistory(node: YamlNode | undefined, what: string): HistoryRule {
  if (node === undefined) return NO_HISTORY;
  const { size, age } = node.fields(`history of ${what}`, HISTORY_FIELDS);
  if (size === undefined || age === undefined)
    throw node.invalid(`history of ${what} needs both size and age: \`history: { size: 1000, age: 1h }\``);
  const messages = /^\d{1,6}$/.test(size.written ?? '') ? Number(size.written) : Infinity;
  if (messages > MAX_HISTORY_SIZE)
    throw size.invalid(`the size of the history must be a number of messages from 0 to ${MAX_HISTORY_SIZE}`);
  const ageMs = parseDuration(age.written ?? '');
  if (ageMs === undefined || ageMs > MAX_HISTORY_AGE_MS)
    throw age.invalid('the age of the history must be a duration such as 30s, 5m, 1h or 1d, at most 30d');
  return { size: messages, ageMs };
}

function listOf(node: YamlNode | undefined, what: string): YamlNode[] {
  const items = node?.items(what) ?? [];
  if (items.length > MAX_RULES)
    throw node!.invalid(`${what} has ${items.length} entries; it may have at most ${MAX_RULES}`);
  return items;
}

/** The first rule that matches counts, so one behind a wider one never does. */
function findHidden(rules: readonly PlacedRule[], problems: FileProblems): void {
  for (const [index, { rule, place }] of rules.entries()) {
    if (hasOnlyRuns(rule.pattern))
      problems.add(
        place,
        `topic ${rule.pattern.text} is never reached: runs.* are the runs of collection; choose another name`,
      );
    const before = rules.slice(0, index).find((earlier) => earlier.rule.pattern.hides(rule.pattern));
    if (before === undefined) continue;
    const { text } = before.rule.pattern;
    problems.add(
      place,
      `topic ${rule.pattern.text} is never reached: ${text} at ${before.place} matches it first`,
    );
  }
}
