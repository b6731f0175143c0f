import { clearLine, cursorTo } from 'node:readline';

const REDRAW_MS = 1_000;

/** Says what is under way: on a terminal with the seconds that it has taken so far, elsewhere once. */
export class ElapsedTime {
  #title;
  #output;
  #startedAt = performance.now();
  #timer;

  constructor(title, { output = process.stdout } = {}) {
    this.#title = title;
    this.#output = output;
    output.write(`${title} …${output.isTTY ? '' : '\n'}`);
    if (!output.isTTY) return;
    this.#timer = setInterval(() => this.#rewrite(), REDRAW_MS);
    this.#timer.unref();
  }

  get seconds() {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  /** Ends it; on a terminal `line` stands in its place. */
  finish(line) {
    clearInterval(this.#timer);
    if (this.#output.isTTY) this.#erase();
    if (line !== undefined) this.#output.write(`${line}\n`);
  }

  #rewrite() {
    this.#erase();
    this.#output.write(`${this.#title} …  ${Math.floor(this.seconds)} s`);
  }

  #erase() {
    cursorTo(this.#output, 0);
    clearLine(this.#output, 1);
  }
}
