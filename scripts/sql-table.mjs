/** int2, int4, int8, oid, float4, float8, money, numeric */
const NUMBER_TYPE_IDS = new Set([20, 21, 23, 26, 700, 701, 790, 1700]);
const MINIMUM_COLUMN_CELLS = 6;
const SEPARATOR = ' │ ';

/** East Asian wide characters and emoji take two cells of a terminal. */
const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60]|\p{Emoji_Presentation}/u;
const COMBINING = /\p{Mn}|\p{Me}|\u200D|\uFE0F/u;
const CONTROL = /[\u0000-\u001F\u007F-\u009F]/g; // eslint-disable-line no-control-regex
const ESCAPES = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A result of pg in array mode as text: an aligned table with its row count, or `UPDATE 1` for a command. Wide
 * columns are cut so that a line has at most `maximumCells`, if that is given.
 */
export function formatResult({ command, rowCount, fields, rows }, maximumCells) {
  if (fields.length === 0) return [command, rowCount].filter((part) => part !== null).join(' ');
  const cells = rows.map((row) => row.map((value) => (value === null ? 'NULL' : escapeControls(value))));
  const names = fields.map(({ name }) => escapeControls(name));
  const widths = fitColumns(measureColumns([names, ...cells]), maximumCells);
  const isNumber = fields.map(({ dataTypeID }) => NUMBER_TYPE_IDS.has(dataTypeID));
  const format = (row) =>
    row
      .map((text, index) => align(text, widths[index], isNumber[index]))
      .join(SEPARATOR)
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('─┼─');
  const count = `(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})`;
  const footer = command === 'SELECT' ? [count] : [count, `${command} ${rowCount}`];
  return [format(names), rule, ...cells.map(format), ...footer].join('\n');
}

function measureColumns(rows) {
  const widths = rows[0].map(() => 0);
  for (const row of rows)
    row.forEach((text, index) => (widths[index] = Math.max(widths[index], countCells(text))));
  return widths;
}

/** Takes from the widest column until the line fits, and leaves each a few cells. */
function fitColumns(widths, maximumCells = Infinity) {
  const fitted = [...widths];
  const available = maximumCells - SEPARATOR.length * (widths.length - 1);
  for (let total = fitted.reduce((sum, width) => sum + width, 0); total > available; total -= 1) {
    const widest = fitted.indexOf(Math.max(...fitted));
    if (fitted[widest] <= MINIMUM_COLUMN_CELLS) break;
    fitted[widest] -= 1;
  }
  return fitted;
}

function align(text, width, toTheRight) {
  const shown = cut(text, width);
  const padding = ' '.repeat(width - countCells(shown));
  return toTheRight ? padding + shown : shown + padding;
}

function cut(text, width) {
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

function countCells(text) {
  let cells = 0;
  for (const character of text) {
    if (!COMBINING.test(character)) cells += WIDE.test(character) ? 2 : 1;
  }
  return cells;
}

/** Whatever is in a row must not steer the terminal. */
function escapeControls(text) {
  return text.replaceAll(CONTROL, (character) => {
    return ESCAPES[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
