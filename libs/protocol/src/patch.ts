import { PATCH_TARGET_BYTES } from './limits';
import { RivuletError } from '@rivulet/errors';

const LF = 0x0a;
const TAB = 0x09;

/** The line before a range is no longer than this: four numbers of 10 digits. */
const RANGE_LINE_MAX_BYTES = 44;
const RANGE_LINE = /^(0|[1-9]\d{0,9}) (0|[1-9]\d{0,9}) (0|[1-9]\d{0,9}) (0|[1-9]\d{0,9})\n$/;

/** Chunks of the mirror as it was held, in whose key range a patch changes rows. */
export interface PatchedSpan {
  /** The place of the first of them, or of the chunk before which rows are to come; see ChunkSpan. */
  position: number;
  count: number;
}

/** What is to change in one span. Rows and keys are canonical text, LF included. */
export interface PatchRange extends PatchedSpan {
  /** Keys of rows to delete. They go before the rows come: two keys can be equal and have different texts. */
  deletedKeys: Buffer[];
  /** Rows to insert, or to put in the place of the one with the same key. */
  rows: Buffer[];
}

/** The content of one frame of kind `patch`. */
export interface PatchContent {
  content: Buffer;
  /** Rows in it. */
  rows: number;
}

/** What turns the rows of one content into those of another. Both are whole rows in key order. */
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

/** Bytes of the whole lines with which both begin. Most often one row of hundreds differs. */
function commonStart(base: Buffer, target: Buffer): number {
  const length = Math.min(base.length, target.length);
  let lineStart = 0;
  for (let at = 0; at < length && base[at] === target[at]; at++) if (base[at] === LF) lineStart = at + 1;
  return lineStart;
}

/** Bytes of the whole lines with which both end, behind `start`. */
function commonEnd(base: Buffer, target: Buffer, start: number): number {
  const length = Math.min(base.length, target.length) - start;
  let lineStart = 0;
  for (let at = 1; at <= length && base[base.length - at] === target[target.length - at]; at++) {
    // Behind this line feed a line begins in both.
    if (base[base.length - at] === LF) lineStart = at - 1;
  }
  return lineStart;
}

/**
 * Writes ranges, in ascending order, into contents for frames of about PATCH_TARGET_BYTES. A range that does not
 * fit goes on in the next, under the same span; one that changes nothing is left out.
 *
 * A content is text: for each range a line `position count keys rows`, then so many lines with keys, then so many
 * with rows.
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
        // At its longest, as how many lines will follow is not known: many ranges of short rows must stay bounded.
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

  /** Returns what is left. */
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
 * Reads the content of a patch frame for a mirror of `baseChunks` chunks. Its ranges ascend; they may touch. `previous` is the last range of the table's frame before, if there is one: the
 * first may be the rest of it. Whether keys and rows lie within their ranges only a database can tell.
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
    if (position + count > baseChunks) throw malformed('has a range outside of the mirror');
    if (keys + rows === 0) throw malformed('has a range that changes nothing');
    const range = { position, count, deletedKeys: take(lines, keys), rows: take(lines, rows) };
    const last = ranges.at(-1);
    const inOrder =
      last === undefined ? goesOn(range, previous) || isAfter(range, previous) : isAfter(range, last);
    if (!inOrder) throw malformed('has ranges that are not in order');
    ranges.push(range);
  }
  if (ranges.length === 0) throw malformed('is empty');
  return ranges;
}

function isAfter(range: PatchRange, previous: PatchRange | undefined): boolean {
  return previous === undefined || range.position >= previous.position + Math.max(1, previous.count);
}

/** Whether a range is the rest of one that did not fit: no row is deleted after rows have come. */
function goesOn(range: PatchRange, previous: PatchRange | undefined): boolean {
  return (
    range.position === previous?.position &&
    range.count === previous.count &&
    (previous.rows.length === 0 || range.deletedKeys.length === 0)
  );
}

function take(lines: Iterator<Buffer>, count: number): Buffer[] {
  const taken: Buffer[] = [];
  while (taken.length < count) {
    const { value, done } = lines.next();
    if (done === true) throw malformed('ends too early');
    taken.push(value);
  }
  return taken;
}

/** Lines of a content, LF included. */
function* linesOf(content: Buffer): Generator<Buffer, void> {
  for (let start = 0; start < content.length;) {
    const end = content.indexOf(LF, start) + 1;
    if (end === 0) throw malformed('does not end with a whole line');
    yield content.subarray(start, end);
    start = end;
  }
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

function malformed(problem: string): RivuletError {
  return new RivuletError('FRAME_INVALID', `The content of a patch ${problem}.`);
}
