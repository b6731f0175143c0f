import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';
import { escapeControls } from './escape-controls';

export interface TableOptions {
  /** One of `<` and `>` for each column. */
  alignments: string;
  /** Cells of a terminal line. Wide columns are cut so that lines fit. */
  maxWidth?: number | undefined;
  /**
   * `plain`: two spaces between columns; columns that do not fit even when cut are left out and counted.
   * `ruled`: lines between columns and below the head; keeps every column.
   */
  style?: 'plain' | 'ruled';
}

/** Cells of a line when the output is not a terminal. */
export const DEFAULT_WIDTH = 160;

const SEPARATORS = { plain: '  ', ruled: ' │ ' };
const MIN_COLUMN_WIDTH = 8;

const graphemes = new Intl.Segmenter();

/** Rows, of which the first is the head, as lines with aligned columns. Control characters are escaped. */
export function formatTable(
  rows: string[][],
  { alignments, maxWidth, style = 'plain' }: TableOptions,
): string[] {
  const cells = rows.map((row) => row.map(escapeControls));
  const separator = SEPARATORS[style];
  const cut = cutColumns(measureColumns(cells), separator.length, maxWidth);
  const widths = style === 'plain' ? dropColumns(cut, separator.length, maxWidth) : cut;
  const lines = cells.map((row) =>
    widths
      .map((width, column) => align(row[column]!, width, alignments[column] === '>'))
      .join(separator)
      .trimEnd(),
  );
  if (style === 'ruled') lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('─┼─'));
  const left = cut.length - widths.length;
  if (left > 0) lines.push(`… and ${left} more ${left === 1 ? 'column' : 'columns'}`);
  return lines;
}

/** The same as Markdown. */
export function markdownTable(head: string[], rows: (string | number)[][]): string {
  const rule = `|${'---|'.repeat(head.length)}`;
  return [markdownRow(head), rule, ...rows.map(markdownRow)].join('\n');
}

function markdownRow(cells: (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}

function measureColumns(rows: string[][]): number[] {
  const widths = rows[0]!.map(() => 0);
  for (const row of rows) {
    for (const column of widths.keys()) {
      widths[column] = Math.max(widths[column]!, stringWidth(row[column]!));
    }
  }
  return widths;
}

/** Takes from the widest column until the line fits, and leaves each a few cells. */
function cutColumns(widths: number[], separatorWidth: number, maxWidth = Infinity): number[] {
  const fitted = [...widths];
  while (totalWidth(fitted, separatorWidth) > maxWidth) {
    const widest = fitted.indexOf(Math.max(...fitted));
    if (fitted[widest]! <= MIN_COLUMN_WIDTH) break;
    fitted[widest]! -= 1;
  }
  return fitted;
}

/** Leaves out columns from the end until the line fits; keeps the first. */
function dropColumns(widths: number[], separatorWidth: number, maxWidth = Infinity): number[] {
  const kept = [...widths];
  while (kept.length > 1 && totalWidth(kept, separatorWidth) > maxWidth) kept.pop();
  return kept;
}

function totalWidth(widths: number[], separatorWidth: number): number {
  return widths.reduce((sum, width) => sum + width, separatorWidth * (widths.length - 1));
}

function align(text: string, width: number, toTheRight: boolean): string {
  const shown = cutText(text, width);
  const padding = ' '.repeat(Math.max(0, width - stringWidth(shown)));
  return toTheRight ? padding + shown : shown + padding;
}

/** A line that takes no more cells of a terminal than this. One that is cut has no colours. */
export function cutLine(line: string, width = Infinity): string {
  return stringWidth(line) <= width ? line : cutText(stripVTControlCharacters(line), width);
}

function cutText(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let shown = '';
  let cells = 0;
  for (const { segment } of graphemes.segment(text)) {
    cells += stringWidth(segment);
    if (cells > width - 1) break;
    shown += segment;
  }
  return `${shown}…`;
}
