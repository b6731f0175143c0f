import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import type { WriteStream } from 'node:tty';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

/** Some lines of a terminal that are drawn over and over. What stood there before stays above. */
export class Screen {
  private drawn = 0;

  constructor(private readonly output: WriteStream) {
    this.output.write(HIDE_CURSOR);
  }

  /** Lines that are longer than the terminal is wide would take two. */
  draw(lines: string[]): void {
    moveCursor(this.output, 0, -this.drawn);
    cursorTo(this.output, 0);
    clearScreenDown(this.output);
    this.output.write(`${lines.join('\n')}\n`);
    this.drawn = lines.length;
  }

  end(): void {
    this.output.write(SHOW_CURSOR);
  }
}
