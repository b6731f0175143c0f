import { UsageError } from './usage-error';

/** The option `--key table=column,…`. */
export interface KeyOption {
  text: string;
  /** The table's name, after its schema if given. */
  table: string[];
  columns: string[];
}

const NAME = String.raw`(?:"(?:[^"]|"")+"|[^".,=]+)`;
const OPTION = new RegExp(`^(${NAME}(?:\\.${NAME})?)=(${NAME}(?:,${NAME})*)$`);

/** Reads names, which may be in double quotes as in SQL. @throws UsageError */
export function readKeyOption(text: string): KeyOption {
  const [, table, columns] = OPTION.exec(text) ?? [];
  if (table === undefined || columns === undefined) {
    throw new UsageError(`--key is "${text}"; write it as table=column or schema.table=column,column.`);
  }
  return { text, table: namesOf(table), columns: namesOf(columns) };
}

function namesOf(text: string): string[] {
  return Array.from(text.matchAll(new RegExp(NAME, 'g')), ([name]) =>
    name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name,
  );
}
