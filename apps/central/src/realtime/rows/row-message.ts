import type { RowChange } from '../../source/row-notes/row-notes';
import type { RowRule } from '../rules/row-rule';

/** The data of a message about a row. What is JSON already is put in as it is. */
export function encodeRowMessage(
  { kind, name }: RowRule,
  { operation, key, row }: RowChange,
  hasColumns: boolean,
): string {
  const head = JSON.stringify({ [kind]: name, operation }).slice(0, -1);
  const values = hasColumns && operation !== 'delete' && row !== null ? `,"row":${row}` : '';
  return `${head},"key":${key ?? '{}'}${values}}`;
}
