import { styleText } from 'node:util';

export interface TerminalStyle {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

/** Colour where `stream` shows it: a terminal, without NO_COLOR, or FORCE_COLOR is set. */
export function terminalStyle(stream: NodeJS.WritableStream = process.stdout): TerminalStyle {
  const style = (format: 'bold' | 'dim' | 'green' | 'red') => (text: string) =>
    styleText(format, text, { stream });
  return { bold: style('bold'), dim: style('dim'), good: style('green'), bad: style('red') };
}
