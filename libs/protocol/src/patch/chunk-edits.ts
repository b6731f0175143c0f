import { compareChunkLists } from '../chunks/chunk-spans';
import { linesOf, malformed, takeLines } from './lines';

/** Rows that replace others: of the base, `count` rows from place `place` on go, and `rows` come. */
export interface RowEdit {
  place: number;
  count: number;
  /** Canonical rows, LF included. */
  rows: Buffer[];
}

/**
 * How a new chunk is made of the rows of consecutive chunks that the receiver has. Rows are named by their place, not by
 * their key: no key has to be compared, which only a database can, and none has to be sent for a row that goes. Whoever
 * applies it compares the digest of what comes out.
 */
export interface ChunkEdit {
  /** Position of the new chunk. */
  number: number;
  /** The chunks that it is made of, in the base's list. */
  position: number;
  count: number;
  edits: RowEdit[];
}

/** Maximum length of a line of numbers: four of 10 digits. */
const NUMBERS_MAX_BYTES = 44;

/** The edits that turn rows into others. Both are whole rows, in one order. */
export function compareRowPlaces(base: Buffer, target: Buffer): RowEdit[] {
  const rows = [...linesOf(target)];
  const spans = compareChunkLists(
    Array.from(linesOf(base), textOf),
    rows.map((row) => textOf(row)),
  );
  return spans.map(({ position, count, newPosition, newCount }) => {
    return { place: position, count, rows: rows.slice(newPosition, newPosition + newCount) };
  });
}

/** Undefined when the base has fewer rows than the edits need. @throws RivuletError FRAME_INVALID */
export function applyRowEdits(base: Buffer, edits: readonly RowEdit[]): Buffer | undefined {
  const starts = [0];
  for (const line of linesOf(base)) starts.push(starts.at(-1)! + line.length);
  const pieces: Buffer[] = [];
  let next = 0;
  for (const { place, count, rows } of edits) {
    if (place + count >= starts.length) return undefined;
    pieces.push(base.subarray(starts[next], starts[place]), ...rows);
    next = place + count;
  }
  return Buffer.concat([...pieces, base.subarray(starts[next])]);
}

/**
 * The content of a frame of kind `patch` for rows that go up: for each chunk a line `number position count edits`, and for
 * each of its edits a line `place count rows`, followed by the rows.
 */
export function encodeChunkEdit({ number, position, count, edits }: ChunkEdit): Buffer {
  const parts = edits.flatMap(({ place, count: goes, rows }) => [
    Buffer.from(`${place} ${goes} ${rows.length}\n`),
    ...rows,
  ]);
  return Buffer.concat([Buffer.from(`${number} ${position} ${count} ${edits.length}\n`), ...parts]);
}

/** Chunks in ascending order. Whether they exist is for the caller to see. @throws RivuletError FRAME_INVALID */
export function parseChunkEdits(content: Buffer): ChunkEdit[] {
  const lines = linesOf(content);
  const chunks: ChunkEdit[] = [];
  for (const line of lines) {
    const [number, position, count, edits] = numbersOf(line, 4) as [number, number, number, number];
    const last = chunks.at(-1);
    if (last !== undefined && number <= last.number) throw malformed('has chunks that are not in order');
    chunks.push({ number, position, count, edits: takeEdits(lines, edits) });
  }
  return chunks;
}

function takeEdits(lines: Iterator<Buffer>, count: number): RowEdit[] {
  const edits: RowEdit[] = [];
  let next = 0;
  while (edits.length < count) {
    const [line] = takeLines(lines, 1);
    const [place, goes, comes] = numbersOf(line!, 3) as [number, number, number];
    if (place < next) throw malformed('has rows that are not in order');
    next = place + goes;
    edits.push({ place, count: goes, rows: takeLines(lines, comes) });
  }
  return edits;
}

function numbersOf(line: Buffer, count: number): number[] {
  const parts = line.toString('latin1', 0, NUMBERS_MAX_BYTES).trimEnd().split(' ');
  const isLine =
    line.length <= NUMBERS_MAX_BYTES && parts.length === count && parts.every((part) => NUMBER.test(part));
  if (!isLine) throw malformed('has a line where numbers should be');
  return parts.map(Number);
}

const NUMBER = /^(0|[1-9]\d{0,9})$/;

/** Its bytes as characters. */
function textOf(row: Buffer): string {
  return row.toString('latin1');
}
