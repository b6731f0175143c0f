import type { ChunkSummary, PatchedSpan } from '@rivulet/protocol';
import { escapeIdentifier, escapeLiteral } from 'pg';
import type { MirrorColumn } from './column-types';
import type { Mirror } from './mirror-table';

/** Keys between two others, both exclusive; open where there is none. They are canonical text, as in chunks. */
export interface KeyRange {
  after?: string;
  before?: string;
}

/**
 * Spans that touch or overlap made one: between such spans is no chunk that stays, so no key that divides them.
 * They are given, and come back, in ascending order.
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

/** Whether the chunks of joined spans are half of the table, or more. */
export function coversHalf(base: readonly ChunkSummary[], spans: PatchedSpan[]): boolean {
  const covered = spans.flatMap(({ position, count }) => base.slice(position, position + count));
  return spans.length > 0 && totalBytes(covered) * 2 >= totalBytes(base);
}

function totalBytes(chunks: readonly ChunkSummary[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
}

/**
 * The keys of a span: all between the chunk before it and the one behind. These two stay, so both ends of the
 * range are ends of chunks in the base and in the target, and the rows of the range, cut by themselves, make just
 * the chunks that they make within the table. It is wider than first to last key of the span's own chunks: what was
 * inserted locally in the gaps is inside, too.
 */
export function rangeOfSpan(base: readonly ChunkSummary[], { position, count }: PatchedSpan): KeyRange {
  const range: KeyRange = {};
  const previous = base[position - 1];
  const next = base[position + count];
  if (previous !== undefined) range.after = previous.lastKey;
  if (next !== undefined) range.before = next.firstKey;
  return range;
}

/** The condition that the row of `alias` is in the range. An index over the key can serve it, of one column or many. */
export function inRange(mirror: Mirror, alias: string, range: KeyRange): string {
  const key = keyColumns(mirror);
  const row = `(${key.map((column) => keyExpression(alias, column)).join(', ')})`;
  const conditions: string[] = [];
  if (range.after !== undefined) conditions.push(`${row} > ${keyLiteral(key, range.after)}`);
  if (range.before !== undefined) conditions.push(`${row} < ${keyLiteral(key, range.before)}`);
  return conditions.length === 0 ? 'TRUE' : conditions.join(' AND ');
}

export function keyColumns(mirror: Mirror): MirrorColumn[] {
  return mirror.columns.slice(0, mirror.keyColumns);
}

/** A key column as it is compared and sorted: also when somebody has given the mirror's column another collation. */
export function keyExpression(alias: string, column: MirrorColumn): string {
  return `${alias}.${escapeIdentifier(column.name)}${column.collatable ? ' COLLATE "C"' : ''}`;
}

function keyLiteral(key: MirrorColumn[], text: string): string {
  const values = text.split('\t').map(unescapeCopyText);
  return `(${key.map(({ type }, index) => `${escapeLiteral(values[index]!)}::${type}`).join(', ')})`;
}

const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS */
function unescapeCopyText(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) => escapes[character] ?? character);
}
