import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import type { WriteStream } from 'node:tty';
import stringWidth from 'string-width';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

/** Some lines of a terminal that are drawn over and over. What stood there before stays above. */
export class Screen {
  private drawn: string[] = [];

  constructor(private readonly output: WriteStream) {
    this.output.write(HIDE_CURSOR);
  }

  /** Lines that are longer than the terminal is wide would take two. */
  draw(lines: string[]): void {
    moveCursor(this.output, 0, -this.drawnRows());
    cursorTo(this.output, 0);
    clearScreenDown(this.output);
    this.output.write(`${lines.join('\n')}\n`);
    this.drawn = lines;
  }

  /** A terminal that has become narrower since has folded them. */
  private drawnRows(): number {
    const { columns } = this.output;
    return this.drawn.reduce((rows, line) => rows + Math.max(1, Math.ceil(stringWidth(line) / columns)), 0);
  }

  end(): void {
    this.output.write(SHOW_CURSOR);
  }
}
