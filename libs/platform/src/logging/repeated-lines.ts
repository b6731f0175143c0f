/** Marks the fields of a line with what makes it the same line as another; not printed, as pino skips symbols. */
export const LINE_CAUSE = Symbol('line cause');

export interface LineCause {
  /** The event and its object: lines with the same are the same line. */
  cause: string;
  /** Whoever can make any number of different lines: these are limited together. */
  origin?: string;
}

export interface RepeatLimits {
  /** Lines of one cause in a window; and of one origin. */
  perCause: number;
  perOrigin: number;
  windowMs: number;
}

const DEFAULT_LIMITS: RepeatLimits = { perCause: 30, perOrigin: 120, windowMs: 60_000 };
/** Beyond it the oldest is forgotten, and its lines count from 0 again. */
const MAX_CAUSES = 10_000;

interface Repetition {
  lines: number;
  until: number;
  held: number;
  /** Prints the last line that was held back. */
  print?: (held: number) => void;
}

/**
 * Lets a line through so often within a minute, and then counts it. When the minute is over, the last one that was
 * held back is printed with how many it stands for. Different lines do not take each other's room.
 */
export class RepeatedLines {
  private readonly known = new Map<string, Repetition>();
  private readonly limits: RepeatLimits;
  private timer: NodeJS.Timeout | undefined;
  private printsAtExit = false;

  constructor(limits: Partial<RepeatLimits> = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** @returns whether to print the line now; if not, `print` is called later, for the last line of its kind */
  admits({ cause, origin }: LineCause, print: (held: number) => void): boolean {
    const { perCause, perOrigin } = this.limits;
    const ofOrigin = origin === undefined ? undefined : this.repetition(['origin', origin].join(' '));
    const ofCause =
      ofOrigin && ofOrigin.lines >= perOrigin ? ofOrigin : this.repetition(['cause', cause].join(' '));
    if (ofCause === ofOrigin || ofCause.lines >= perCause) {
      ofCause.held++;
      ofCause.print = print;
      this.printLater();
      return false;
    }
    ofCause.lines++;
    if (ofOrigin) ofOrigin.lines++;
    return true;
  }

  /** Prints what has been held back in windows that are over, or in all. */
  flush(now = Number.POSITIVE_INFINITY): void {
    for (const [key, repetition] of this.known) {
      if (repetition.until > now) continue;
      this.known.delete(key);
      if (repetition.held > 0) repetition.print!(repetition.held);
    }
  }

  private repetition(key: string): Repetition {
    const now = performance.now();
    const known = this.known.get(key);
    if (known && known.until > now) return known;
    if (known) this.end(key, known);
    if (this.known.size >= MAX_CAUSES) {
      const [oldest, repetition] = this.known.entries().next().value!;
      this.end(oldest, repetition);
    }
    const fresh: Repetition = { lines: 0, until: now + this.limits.windowMs, held: 0 };
    this.known.set(key, fresh);
    return fresh;
  }

  private end(key: string, { held, print }: Repetition): void {
    this.known.delete(key);
    if (held > 0) print!(held);
  }

  private printLater(): void {
    if (!this.printsAtExit) process.once('exit', () => this.flush());
    this.printsAtExit = true;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const now = performance.now();
      this.flush(now);
      if ([...this.known.values()].some(({ held }) => held > 0)) this.printLater();
    }, this.limits.windowMs / 4).unref();
  }
}

const VARYING =
  /\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\d+(?:\.\d+)? m?s\b/g;

/** A message without what differs each time: ids and durations. Names and numbers stay: they are different causes. */
export function causeOfMessage(message: string): string {
  return message.replace(VARYING, '*');
}
