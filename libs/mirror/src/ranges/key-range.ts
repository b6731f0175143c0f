import { unescapeCopyText } from '@rivulet/postgres';
import type { ChunkSummary, PatchedSpan } from '@rivulet/protocol';
import { escapeIdentifier, escapeLiteral } from 'pg';
import type { MirrorColumn } from '../table/column-types';
import type { Mirror } from '../table/mirror-table';

/** A range of keys as canonical text. Both ends are exclusive; a missing end is open. */
export interface KeyRange {
  after?: string;
  before?: string;
}

/**
 * Merges spans that touch or overlap: no unchanged chunk lies between them, so no key separates them. Input and output
 * are in ascending order.
 */
export function joinSpans(spans: Iterable<PatchedSpan>): PatchedSpan[] {
  const joined: PatchedSpan[] = [];
  for (const { position, count } of spans) {
    const last = joined.at(-1);
    if (last === undefined || position > last.position + last.count) joined.push({ position, count });
    else last.count = Math.max(last.count, position + count - last.position);
  }
  return joined;
}

/** Whether the chunks of joined spans are at least half of the table. */
export function coversHalf(base: readonly ChunkSummary[], spans: PatchedSpan[]): boolean {
  return covers(base, spans, 0.5);
}

/** Whether the chunks of joined spans are at least this share of the table. */
export function covers(base: readonly ChunkSummary[], spans: PatchedSpan[], share: number): boolean {
  const covered = spans.flatMap(({ position, count }) => base.slice(position, position + count));
  return spans.length > 0 && totalBytes(covered) >= totalBytes(base) * share;
}

function totalBytes(chunks: readonly ChunkSummary[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
}

/**
 * The key range of a span: everything between the chunks before and after it. Those two are unchanged, so both ends of
 * the range are chunk boundaries in the base and in the target, and cutting the rows of the range alone gives the same
 * chunks as cutting the whole table. The range is wider than the keys of the span's own chunks: it includes rows that
 * were inserted locally in the gaps.
 */
export function rangeOfSpan(base: readonly ChunkSummary[], { position, count }: PatchedSpan): KeyRange {
  const range: KeyRange = {};
  const previous = base[position - 1];
  const next = base[position + count];
  if (previous !== undefined) range.after = previous.lastKey;
  if (next !== undefined) range.before = next.firstKey;
  return range;
}

/** The condition that the row of `alias` is in the range. An index on the key can serve it. */
export function inRange(mirror: Mirror, alias: string, range: KeyRange): string {
  const key = keyColumns(mirror);
  const row = `(${key.map((column) => keyExpression(alias, column)).join(', ')})`;
  const conditions: string[] = [];
  if (range.after !== undefined) conditions.push(`${row} > ${keyLiteral(key, range.after)}`);
  if (range.before !== undefined) conditions.push(`${row} < ${keyLiteral(key, range.before)}`);
  return conditions.length === 0 ? 'TRUE' : conditions.join(' AND ');
}

/** A range with both ends. */
export type ClosedRange = Required<KeyRange>;

/** Ranges as rows to join with, and the condition that the row of `alias` is in the one of `range`. An index on the key can serve it. */
export function rangeRows(
  mirror: Mirror,
  alias: string,
  ranges: readonly ClosedRange[],
): { rows: string; isInside: string } {
  const key = keyColumns(mirror);
  const ends = ['after', 'before'].map((end) => key.map((_, index) => `${end}_${index}`));
  const listed = ranges.map(({ after, before }) =>
    [...keyLiterals(key, after), ...keyLiterals(key, before)].join(', '),
  );
  const row = `(${key.map((column) => keyExpression(alias, column)).join(', ')})`;
  const [after, before] = ends.map((names) => `(${names.map((name) => `range.${name}`).join(', ')})`);
  return {
    rows: `(VALUES ${listed.map((values) => `(${values})`).join(', ')}) AS range (${ends.flat().join(', ')})`,
    isInside: `${row} > ${after} AND ${row} < ${before}`,
  };
}

export function keyColumns(mirror: Mirror): MirrorColumn[] {
  return mirror.columns.slice(0, mirror.keyColumns);
}

/** A key column as an expression to compare and sort by, even if someone has changed the column's collation. */
export function keyExpression(alias: string, column: MirrorColumn): string {
  return `${alias}.${escapeIdentifier(column.name)}${column.collatable ? ' COLLATE "C"' : ''}`;
}

function keyLiteral(key: MirrorColumn[], text: string): string {
  return `(${keyLiterals(key, text).join(', ')})`;
}

function keyLiterals(key: MirrorColumn[], text: string): string[] {
  const values = text.split('\t').map(unescapeCopyText);
  return key.map(({ type }, index) => `${escapeLiteral(values[index]!)}::${type}`);
}
