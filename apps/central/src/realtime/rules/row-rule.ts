import type { NotedEntry } from '../../source/row-notes/dataset-rows';
import type { TopicTemplate } from './topic-template';

/** A table or a dataset whose changed rows are messages of topics. */
export interface RowRule {
  kind: 'table' | 'dataset';
  /** As the file names it. */
  name: string;
  /** Empty for a dataset, which has its own. */
  key: readonly string[];
  columns: readonly string[];
  topic: TopicTemplate;
  /** `path:line:column` of the name in the file. */
  place: string;
}

export function notedEntry({ kind, name, key, columns, topic }: RowRule): NotedEntry {
  return kind === 'table'
    ? { table: name, key, columns, topic: topic.columns }
    : { dataset: name, columns, topic: topic.columns };
}
