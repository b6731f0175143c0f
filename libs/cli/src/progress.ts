import { clearLine, cursorTo } from 'node:readline';
import type { WriteStream } from 'node:tty';

/** A terminal, or anything that takes text. */
export type ProgressOutput = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

const BAR_CELLS = 20;
const REDRAW_MS = 100;

/** Without a terminal: a line after so many percent, and at the latest after so long. */
const PLAIN_STEP = 0.1;
const PLAIN_STEP_MS = 1_000;
const PLAIN_PAUSE_MS = 10_000;

/**
 * How far something is: one line that is rewritten on a terminal, a plain line now and then elsewhere.
 * Silent until `quietMs` have passed, so that what is quick says nothing.
 */
export class Progress {
  private readonly output: ProgressOutput;
  private readonly quietMs: number;
  private readonly startedAt = performance.now();
  private readonly timer: NodeJS.Timeout;
  private fraction: number | undefined;
  private detail = '';
  private printed: { fraction: number; at: number } | undefined;
  private isShown = false;

  constructor(
    private readonly title: string,
    { output = process.stdout, quietMs = 0 }: { output?: ProgressOutput; quietMs?: number } = {},
  ) {
    this.output = output;
    this.quietMs = quietMs;
    this.timer = setInterval(() => this.show(), REDRAW_MS);
    this.timer.unref();
    this.show();
  }

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1_000;
  }

  /** `fraction` from 0 to 1, or undefined while nobody knows. */
  update(fraction: number | undefined, detail = ''): void {
    this.fraction = fraction;
    this.detail = detail;
  }

  /** Ends it; `line` stands in its place, if there was anything to see. */
  finish(line?: string): void {
    clearInterval(this.timer);
    if (!this.isShown) return;
    if (this.output.isTTY) this.eraseLine();
    if (line !== undefined) this.output.write(`${line}\n`);
  }

  private show(): void {
    if (this.seconds * 1_000 < this.quietMs) return;
    if (this.output.isTTY) this.rewrite();
    else this.printSometimes();
    this.isShown = true;
  }

  /** In a narrow terminal the time goes first, then the bar: what is left to do matters most. */
  private rewrite(): void {
    const columns = (this.output.columns ?? 80) - 1;
    const seconds = `${Math.floor(this.seconds)} s`;
    const facts = [this.percent(), this.detail].filter(Boolean);
    const candidates = [
      [this.title, this.bar(), ...facts, seconds],
      [this.title, this.bar(), ...facts],
      [this.title, ...facts],
    ].map((parts) => parts.filter(Boolean).join('  '));
    const line = candidates.find((candidate) => candidate.length <= columns) ?? candidates.at(-1)!;
    this.eraseLine();
    this.output.write(line.slice(0, columns));
  }

  private printSometimes(): void {
    const now = performance.now();
    const advance = (this.fraction ?? 0) - (this.printed?.fraction ?? 0);
    const pauseMs = now - (this.printed?.at ?? 0);
    const isDue =
      this.printed === undefined ||
      pauseMs > PLAIN_PAUSE_MS ||
      (advance >= PLAIN_STEP && pauseMs > PLAIN_STEP_MS);
    if (!isDue) return;
    const parts = [`${this.title} …`, this.percent(), this.detail].filter(Boolean);
    this.output.write(`${parts.join('  ')}\n`);
    this.printed = { fraction: this.fraction ?? 0, at: now };
  }

  private eraseLine(): void {
    cursorTo(this.output, 0);
    clearLine(this.output, 1);
  }

  private bar(): string {
    if (this.fraction === undefined) return '';
    const full = Math.round(Math.min(1, this.fraction) * BAR_CELLS);
    return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
  }

  private percent(): string {
    return this.fraction === undefined ? '' : `${Math.floor(Math.min(1, this.fraction) * 100)} %`;
  }
}
