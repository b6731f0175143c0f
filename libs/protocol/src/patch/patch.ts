import { PATCH_TARGET_BYTES } from '../version/limits';
import { linesOf, malformed, takeLines } from './lines';

const LF = 0x0a;
const TAB = 0x09;

/** Maximum length of the line before a range: four numbers of 10 digits. */
const RANGE_LINE_MAX_BYTES = 44;
const RANGE_LINE = /^(0|[1-9]\d{0,9}) (0|[1-9]\d{0,9}) (0|[1-9]\d{0,9}) (0|[1-9]\d{0,9})\n$/;

/** Chunks of the device's former mirror, in whose key range a patch changes rows. */
export interface PatchedSpan {
  /** Position of the first chunk, or of the chunk before which rows are inserted; see ChunkSpan. */
  position: number;
  count: number;
}

/** The changes in one span. Rows and keys are canonical text, LF included. */
export interface PatchRange extends PatchedSpan {
  /** Keys of rows to delete, before the rows are inserted: two keys can be equal and have different texts. */
  deletedKeys: Buffer[];
  /** Rows to insert, or to replace the row with the same key. */
  rows: Buffer[];
}

/** The content of one frame of kind `patch`. */
export interface PatchContent {
  content: Buffer;
  /** Rows in it. */
  rows: number;
}

/** The changes that turn the rows of `base` into those of `target`. Both are whole rows in key order. */
export function compareRows(
  base: Buffer,
  target: Buffer,
  keyColumns: number,
): Pick<PatchRange, 'deletedKeys' | 'rows'> {
  const start = commonStart(base, target);
  const end = commonEnd(base, target, start);
  const old = new Map<string, Buffer>();
  for (const row of linesOf(base.subarray(start, base.length - end))) old.set(keyText(row, keyColumns), row);
  const rows: Buffer[] = [];
  for (const row of linesOf(target.subarray(start, target.length - end))) {
    const key = keyText(row, keyColumns);
    if (old.get(key)?.equals(row) !== true) rows.push(row);
    old.delete(key);
  }
  return { deletedKeys: [...old.keys()].map((key) => Buffer.from(`${key}\n`, 'latin1')), rows };
}

/** Bytes that are compared by one call: much faster than one by one, as usually one row of hundreds differs. */
const COMPARED_AT_ONCE = 2_048;

/** Bytes of the whole lines that both begin with. */
function commonStart(base: Buffer, target: Buffer): number {
  const length = Math.min(base.length, target.length);
  let at = 0;
  while (at + COMPARED_AT_ONCE <= length && isSame(base, at, target, at)) at += COMPARED_AT_ONCE;
  while (at < length && base[at] === target[at]) at += 1;
  return at === 0 ? 0 : base.lastIndexOf(LF, at - 1) + 1;
}

/** Bytes of the whole lines that both end with, after `start`. */
function commonEnd(base: Buffer, target: Buffer, start: number): number {
  const length = Math.min(base.length, target.length) - start;
  let common = 0;
  while (common + COMPARED_AT_ONCE <= length) {
    const next = common + COMPARED_AT_ONCE;
    if (!isSame(base, base.length - next, target, target.length - next)) break;
    common = next;
  }
  while (common < length && base[base.length - common - 1] === target[target.length - common - 1])
    common += 1;
  if (common === 0) return 0;
  // A line begins behind this line feed in both.
  const lineEnd = base.indexOf(LF, base.length - common);
  return lineEnd === -1 ? 0 : base.length - lineEnd - 1;
}

function isSame(base: Buffer, baseStart: number, target: Buffer, targetStart: number): boolean {
  const targetEnd = targetStart + COMPARED_AT_ONCE;
  return base.compare(target, targetStart, targetEnd, baseStart, baseStart + COMPARED_AT_ONCE) === 0;
}

/**
 * Writes ranges, in ascending order, into contents for frames of about PATCH_TARGET_BYTES. A range that does not fit
 * continues in the next content, under the same span. A range without changes is left out.
 *
 * The content is text: for each range a line `position count keys rows`, followed by that many lines with keys and with
 * rows.
 */
export class PatchWriter {
  private ranges: PatchRange[] = [];
  private bytes = 0;

  /** Takes the next range and returns the contents that it completes. */
  add(range: PatchRange): PatchContent[] {
    const done: PatchContent[] = [];
    const { position, count } = range;
    let current: PatchRange | undefined;
    const put = (list: 'deletedKeys' | 'rows', line: Buffer): void => {
      if (current === undefined) {
        this.ranges.push((current = { position, count, deletedKeys: [], rows: [] }));
        // Counts the maximum, as the number of lines is not known yet: many ranges of short rows must stay bounded.
        this.bytes += RANGE_LINE_MAX_BYTES;
      }
      current[list].push(line);
      this.bytes += line.length;
      if (this.bytes < PATCH_TARGET_BYTES) return;
      done.push(this.takeContent());
      current = undefined;
    };
    for (const key of range.deletedKeys) put('deletedKeys', key);
    for (const row of range.rows) put('rows', row);
    return done;
  }

  /** Returns the last content, if any. */
  end(): PatchContent[] {
    return this.ranges.length === 0 ? [] : [this.takeContent()];
  }

  private takeContent(): PatchContent {
    const content = Buffer.concat(
      this.ranges.flatMap(({ position, count, deletedKeys, rows }) => [
        Buffer.from(`${position} ${count} ${deletedKeys.length} ${rows.length}\n`),
        ...deletedKeys,
        ...rows,
      ]),
    );
    const rows = this.ranges.reduce((sum, range) => sum + range.rows.length, 0);
    this.ranges = [];
    this.bytes = 0;
    return { content, rows };
  }
}

/**
 * Reads the content of a patch frame for a mirror of `baseChunks` chunks. Its ranges ascend and may touch. The first may
 * continue `previous`, the last range of the table's previous frame. Does not check that keys and rows are within their
 * ranges: only a database can compare keys.
 *
 * @throws RivuletError FRAME_INVALID
 */
export function parsePatch(content: Buffer, baseChunks: number, previous?: PatchRange): PatchRange[] {
  const lines = linesOf(content);
  const ranges: PatchRange[] = [];
  for (const line of lines) {
    const numbers = RANGE_LINE.exec(line.toString('latin1', 0, RANGE_LINE_MAX_BYTES));
    if (numbers === null) throw malformed('has a line where a range should begin');
    const [position, count, keys, rows] = numbers.slice(1).map(Number) as [number, number, number, number];
    if (position + count > baseChunks) throw malformed('has a range outside the mirror');
    if (keys + rows === 0) throw malformed('has a range that changes nothing');
    const range = { position, count, deletedKeys: takeLines(lines, keys), rows: takeLines(lines, rows) };
    const last = ranges.at(-1);
    const inOrder =
      last === undefined ? continues(range, previous) || isAfter(range, previous) : isAfter(range, last);
    if (!inOrder) throw malformed('has ranges that are not in order');
    ranges.push(range);
  }
  if (ranges.length === 0) throw malformed('is empty');
  return ranges;
}

function isAfter(range: PatchRange, previous: PatchRange | undefined): boolean {
  return previous === undefined || range.position >= previous.position + Math.max(1, previous.count);
}

/** Whether a range continues one that did not fit. No key may follow rows. */
function continues(range: PatchRange, previous: PatchRange | undefined): boolean {
  return (
    range.position === previous?.position &&
    range.count === previous.count &&
    (previous.rows.length === 0 || range.deletedKeys.length === 0)
  );
}

/** The key of a row, its bytes as characters. */
function keyText(row: Buffer, keyColumns: number): string {
  let end = -1;
  for (let column = 0; column < keyColumns; column++) {
    end = row.indexOf(TAB, end + 1);
    if (end === -1) return row.toString('latin1', 0, row.length - 1);
  }
  return row.toString('latin1', 0, end);
}
