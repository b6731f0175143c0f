import type { FileProblems, YamlNode } from '@rivulet/datasets';
import type { TopicRule } from './topic-rules';
import type { RowRule } from './row-rule';
import { TopicTemplate } from './topic-template';

const FIELDS = ['table', 'dataset', 'key', 'columns', 'topic'] as const;
const MAX_ENTRIES = 100;
/** PostgreSQL takes 100 arguments of the function that makes an object of them. */
const MAX_COLUMNS = 40;

/** The list `rows` of realtime.yaml. */
export function readRowRules(
  node: YamlNode | undefined,
  topics: readonly TopicRule[],
  problems: FileProblems,
): RowRule[] {
  const items = node === undefined ? [] : node.items('rows');
  if (items.length > MAX_ENTRIES)
    throw node!.invalid(`rows has ${items.length} entries; it may have at most ${MAX_ENTRIES}`);
  const rules = items.flatMap((item) => problems.attempt(() => readRowRule(item, topics)) ?? []);
  for (const [index, { kind, name, place }] of rules.entries()) {
    const earlier = rules.slice(0, index).find((rule) => rule.kind === kind && rule.name === name);
    if (earlier !== undefined)
      problems.add(place, `${kind} ${name} is in rows twice, the first time at ${earlier.place}`);
  }
  return rules;
}

function readRowRule(node: YamlNode, topics: readonly TopicRule[]): RowRule {
  const { key, columns, topic, ...named } = node.fields('an entry of rows', FIELDS);
  const kind = named.dataset === undefined ? 'table' : 'dataset';
  const source = named[kind];
  if (source === undefined || topic === undefined || (kind === 'table' && key === undefined))
    throw node.invalid('an entry of rows needs table, key and topic, or dataset and topic');
  if (kind === 'dataset' && (named.table ?? key) !== undefined)
    throw (named.table ?? key)!.invalid(
      'an entry of rows with a dataset has its table and its key; remove this',
    );
  const { text: name } = source.text(`the ${kind}`);
  const what = `rows of ${name}`;
  const rule = {
    kind,
    name,
    place: source.place,
    key: key === undefined ? [] : readColumns(key, `key of ${what}`),
    columns: columns === undefined ? [] : readColumns(columns, `columns of ${what}`),
    topic: readTemplate(topic),
  } as const;
  if (key !== undefined && rule.key.length === 0) throw key.invalid(`key of ${what} names no column`);
  // The rule that a subscriber of any of its topics is let in by, and no other.
  const first = topics.find(({ pattern }) => pattern.meets(rule.topic.pattern));
  if (first === undefined || !first.pattern.hides(rule.topic.pattern)) {
    throw topic.invalid(
      `no one entry of topics has all topics of ${rule.topic.text}, so nobody could be let in; add one: ` +
        `\`- { topic: '${rule.topic.text}', subscribe: any }\` lets in those whose claims have these values`,
    );
  }
  return rule;
}

function readColumns(node: YamlNode, what: string): string[] {
  const names = node.isList
    ? node.items(what).map((item) => item.text(`${what}: a column`).text)
    : [node.text(what).text];
  if (names.length > MAX_COLUMNS) throw node.invalid(`${what} has more than ${MAX_COLUMNS} columns`);
  if (new Set(names).size !== names.length) throw node.invalid(`${what} names a column twice`);
  return names;
}

function readTemplate(node: YamlNode): TopicTemplate {
  const { text } = node.text('the topic');
  const template = TopicTemplate.parse(text);
  if (template !== undefined) return template;
  throw node.invalid(
    `"${text}" is not a topic of rows: it has words of letters, digits, - and _ with dots between them, and {column} for ` +
      'the value of a column',
  );
}
