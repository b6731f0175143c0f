import { escapeCopyText, unescapeCopyText } from '@rivulet/postgres';
import { escapeIdentifier, escapeLiteral } from 'pg';
import type { DescribedColumn } from './describe-query';

/** Rows whose keys come after one key and not after another. Keys are the texts of their columns; undefined: no end. */
export interface KeyRange {
  after: string[] | undefined;
  upTo: string[] | undefined;
}

/**
 * The condition for it on the columns of a key, compared in the order in which canonical rows are sorted, whatever
 * operators a database has of its own.
 */
export function rangeCondition(key: readonly DescribedColumn[], { after, upTo }: KeyRange): string {
  const columns = rowOf(key.map(orderedColumn));
  const conditions = [
    ...(after === undefined ? [] : [`${columns} OPERATOR(pg_catalog.>) ${rowOf(literals(key, after))}`]),
    ...(upTo === undefined ? [] : [`${columns} OPERATOR(pg_catalog.<=) ${rowOf(literals(key, upTo))}`]),
  ];
  return conditions.length === 0 ? 'true' : conditions.join(' AND ');
}

function rowOf(values: string[]): string {
  return values.length === 1 ? values[0]! : `ROW(${values.join(', ')})`;
}

/** A column of a key as canonical rows are sorted by it. */
export function orderedColumn({ name, collatable }: DescribedColumn): string {
  return escapeIdentifier(name) + (collatable ? ' COLLATE "C"' : '');
}

function literals(key: readonly DescribedColumn[], texts: string[]): string[] {
  return key.map(({ type }, index) => `${escapeLiteral(texts[index]!)}::${type}`);
}

/** A key as it stands in canonical rows, of the texts of its columns. */
export function canonicalKey(texts: readonly string[]): string {
  return texts.map(escapeCopyText).join('\t');
}

/** The texts of the columns of a key that stands in canonical rows. */
export function keyTexts(key: string): string[] {
  return key.split('\t').map(unescapeCopyText);
}
