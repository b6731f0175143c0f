export interface TableOptions {
  /** One of `<` and `>` for each column. */
  alignments: string;
  /** Cells of a terminal line. Wide columns are cut, and what still does not fit is left out and counted. */
  maxWidth?: number | undefined;
}

const SEPARATOR = '  ';
const MINIMUM_WIDTH = 8;

/** East Asian wide characters and emoji take two cells of a terminal. */
const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60]|\p{Emoji_Presentation}/u;
const COMBINING = /\p{Mn}|\p{Me}|\u200D|\uFE0F/u;
const CONTROL = /\p{Cc}/gu;
const NAMED_CONTROLS: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Rows, of which the first is the head, as lines with aligned columns. */
export function formatTable(rows: string[][], { alignments, maxWidth }: TableOptions): string[] {
  const cells = rows.map((row) => row.map(escapeControls));
  const widths = fitColumns(
    cells[0]!.map((_, column) => Math.max(...cells.map((row) => countCells(row[column]!)))),
    maxWidth,
  );
  const lines = cells.map((row) =>
    widths
      .map((width, column) => align(row[column]!, width, alignments[column] === '>'))
      .join(SEPARATOR)
      .trimEnd(),
  );
  const left = cells[0]!.length - widths.length;
  if (left > 0) lines.push(`… and ${left} more ${left === 1 ? 'column' : 'columns'}`);
  return lines;
}

/** Whatever is in a row must not steer the terminal. */
export function escapeControls(text: string): string {
  return text.replaceAll(
    CONTROL,
    (character) => NAMED_CONTROLS[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** Takes from the widest column while that helps; then gives up columns from the end. */
function fitColumns(widths: number[], maxWidth = Infinity): number[] {
  const fitted = [...widths];
  while (totalWidth(fitted) > maxWidth) {
    const widest = fitted.indexOf(Math.max(...fitted));
    if (fitted[widest]! > MINIMUM_WIDTH) fitted[widest]! -= 1;
    else if (fitted.length > 1) fitted.pop();
    else break;
  }
  return fitted;
}

function totalWidth(widths: number[]): number {
  return widths.reduce((sum, width) => sum + width, SEPARATOR.length * (widths.length - 1));
}

function align(text: string, width: number, toTheRight: boolean): string {
  const shown = cut(text, width);
  const padding = ' '.repeat(width - countCells(shown));
  return toTheRight ? padding + shown : shown + padding;
}

function cut(text: string, width: number): string {
  if (countCells(text) <= width) return text;
  let shown = '';
  let cells = 0;
  for (const character of text) {
    cells += countCells(character);
    if (cells > width - 1) break;
    shown += character;
  }
  return `${shown}…`;
}

function countCells(text: string): number {
  let cells = 0;
  for (const character of text) {
    if (!COMBINING.test(character)) cells += WIDE.test(character) ? 2 : 1;
  }
  return cells;
}
