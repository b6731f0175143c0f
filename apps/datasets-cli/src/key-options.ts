import { didYouMean } from '@rivulet/datasets';
import type { SourceTable } from './source-tables';
import { UsageError } from './usage-error';

/** What `--key table=column,…` says. */
export interface KeyOption {
  text: string;
  /** With its schema before it, if that is given. */
  table: string[];
  columns: string[];
}

const NAME = String.raw`(?:"(?:[^"]|"")+"|[^".,=]+)`;
const OPTION = new RegExp(`^(${NAME}(?:\\.${NAME})?)=(${NAME}(?:,${NAME})*)$`);

/** Names as they are, or in double quotes as in SQL. @throws UsageError */
export function readKeyOption(text: string): KeyOption {
  const [, table, columns] = OPTION.exec(text) ?? [];
  if (table === undefined || columns === undefined) {
    throw new UsageError(`--key is "${text}"; write it as table=column or schema.table=column,column.`);
  }
  return { text, table: namesOf(table), columns: namesOf(columns) };
}

/** The key of each table that an option names. @throws UsageError for what is not there */
export function matchKeys(options: KeyOption[], tables: SourceTable[]): Map<SourceTable, string[]> {
  const keys = new Map<SourceTable, string[]>();
  for (const { text, table: wanted, columns } of options) {
    const name = wanted.at(-1)!;
    const found = tables.filter(
      (table) => table.name === name && (wanted.length === 1 || table.schema === wanted[0]),
    );
    const [table] = found;
    if (table === undefined) {
      const names = tables.map((other) => other.name);
      throw new UsageError(`--key ${text}: there is no table ${name}${didYouMean(name, names) || '.'}`);
    }
    if (found.length > 1)
      throw new UsageError(`--key ${text}: there are several tables ${name}; add the schema.`);
    const known = table.columns.map((column) => column.name);
    const unknown = columns.find((column) => !known.includes(column));
    if (unknown !== undefined) {
      const meant = didYouMean(unknown, known) || `; it has ${known.join(', ')}.`;
      throw new UsageError(`--key ${text}: ${table.sql} has no column ${unknown}${meant}`);
    }
    keys.set(table, columns);
  }
  return keys;
}

function namesOf(text: string): string[] {
  return Array.from(text.matchAll(new RegExp(NAME, 'g')), ([name]) =>
    name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name,
  );
}
