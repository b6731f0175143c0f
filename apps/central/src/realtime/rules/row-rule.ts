import type { NotedTable } from '../../source/row-notes/noted-table';
import type { TopicTemplate } from './topic-template';

/** A table whose changed rows are messages of topics. */
export interface RowRule {
  /** As the file names it. */
  table: string;
  key: readonly string[];
  columns: readonly string[];
  topic: TopicTemplate;
  /** `path:line:column` of the table's name in the file. */
  place: string;
}

export function notedTable({ table, key, columns, topic }: RowRule): NotedTable {
  return { table, key, columns, topic: topic.columns };
}
