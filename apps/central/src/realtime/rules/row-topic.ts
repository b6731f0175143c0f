import type { YamlNode } from '@rivulet/datasets';
import { TopicPattern } from './topic-pattern';

/** Changes of a table's rows as messages of topics. */
export interface RowTopic {
  schema: string;
  table: string;
  /** Words of the topic: texts, and columns whose value takes their place. */
  words: readonly ({ text: string; column?: undefined } | { text?: undefined; column: string })[];
  /** Columns that tell which row it is. */
  key: readonly string[];
  topic: string;
}

const ROW_FIELDS = ['table', 'key', 'topic'] as const;
const NAME = /^[^\p{Cc}"]{1,63}$/u;
const COLUMN = /^\{([^{}."]{1,63})\}$/;

export function readRowTopic(node: YamlNode, rules: readonly TopicPattern[]): RowTopic {
  const { table, key, topic } = node.fields('rows', ROW_FIELDS);
  if (table === undefined || key === undefined || topic === undefined)
    throw node.invalid('rows need a table, a key and a topic');
  const parts = table.text('the table').text.split('.');
  const [name, schema = 'public'] = parts.toReversed();
  if (parts.length > 2 || !parts.every((part) => NAME.test(part)))
    throw table.invalid('the table must be a name such as orders, or sales.orders with its schema');
  const columns = key.items('the key').map((item) => item.text('a column of the key').text);
  if (columns.length === 0 || columns.length > 32) throw key.invalid('the key must have 1 to 32 columns');
  const { text } = topic.text('the topic');
  const words = text.split('.').map((word) => {
    const column = COLUMN.exec(word)?.[1];
    return column === undefined ? { text: word } : { column };
  });
  const pattern = TopicPattern.parse(words.map((word) => word.text ?? '*').join('.'));
  if (pattern === undefined || words.some((word) => /[*>]/.test(word.text ?? '')))
    throw topic.invalid(`"${text}" is not a topic with columns, such as orders.{site_id}`);
  if (!rules.some((rule) => rule.meets(pattern)))
    throw topic.invalid(`no topic of this file matches ${text}; add one, which says who may subscribe to it`);
  return { schema, table: name!, words, key: columns, topic: text };
}
