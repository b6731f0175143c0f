import { RivuletError } from '@rivulet/errors';

/** How slowly an answer may come: whoever sends a byte now and then could otherwise hold a cycle for years. */
export interface AnswerPace {
  /** A slow start is forgiven for so long. */
  graceMs: number;
  bytesPerSecond: number;
}

/** A tenth of what the slowest mobile networks do. */
const PACE: AnswerPace = { graceMs: 120_000, bytesPerSecond: 200 };

/** A signal that aborts when nothing has arrived for the given time, or too little since the beginning. */
export class IdleTimeout {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  /** When the first bytes came: what central does before that is not slow sending. */
  private startedAtMs: number | undefined;
  private bytes = 0;

  constructor(
    timeoutMs: number,
    private readonly pace: AnswerPace = PACE,
  ) {
    this.timer = setTimeout(() => {
      this.controller.abort(new DOMException(`Nothing arrived for ${timeoutMs} ms`, 'TimeoutError'));
    }, timeoutMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  arrived(bytes: number): void {
    this.bytes += bytes;
    this.startedAtMs ??= performance.now();
    const elapsedMs = performance.now() - this.startedAtMs;
    const { graceMs, bytesPerSecond } = this.pace;
    if (elapsedMs <= graceMs || this.bytes * 1_000 >= bytesPerSecond * elapsedMs) {
      this.timer.refresh();
      return;
    }
    const seconds = Math.round(elapsedMs / 1_000);
    this.controller.abort(
      new RivuletError(
        'CENTRAL_TOO_SLOW',
        `Only ${this.bytes} bytes of central's answer arrived in ${seconds} s; ${bytesPerSecond} bytes a second are required.`,
      ),
    );
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
