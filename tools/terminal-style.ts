export interface TerminalStyle {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

/** Colour on a terminal alone, and not where NO_COLOR is set (https://no-color.org). */
export function terminalStyle(output: { isTTY?: boolean } = process.stdout): TerminalStyle {
  const isColoured = output.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
  const wrap = (code: number) => (text: string) => (isColoured ? `\u001B[${code}m${text}\u001B[0m` : text);
  return { bold: wrap(1), dim: wrap(2), good: wrap(32), bad: wrap(31) };
}
