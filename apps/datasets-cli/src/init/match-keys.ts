import { didYouMean } from '@rivulet/datasets';
import type { KeyOption } from '../arguments/key-options';
import { UsageError } from '../arguments/usage-error';
import type { SourceTable } from './source-tables';

/** The key of each table that an option names. @throws UsageError for unknown tables and columns */
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
      throw new UsageError(`--key ${text}: no such table: ${name}${didYouMean(name, names) || '.'}`);
    }
    if (found.length > 1)
      throw new UsageError(`--key ${text}: several tables are called ${name}; add the schema.`);
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
