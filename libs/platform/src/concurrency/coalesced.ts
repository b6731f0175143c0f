/**
 * Work whose result must be of a moment after it was asked for. At most one run is under way and one waits: whoever
 * asks during a run shares the next with all who ask meanwhile.
 */
export class Coalesced<T> {
  private running: Promise<T> | undefined;
  private next: Promise<T> | undefined;

  constructor(private readonly work: () => Promise<T>) {}

  /** Whether nothing is under way. */
  get idle(): boolean {
    return this.running === undefined && this.next === undefined;
  }

  async run(): Promise<T> {
    if (this.next !== undefined) return this.next;
    if (this.running === undefined) return this.start();
    this.next = this.running.then(
      () => this.startNext(),
      () => this.startNext(),
    );
    return this.next;
  }

  private startNext(): Promise<T> {
    this.next = undefined;
    return this.start();
  }

  private start(): Promise<T> {
    const run = this.work().finally(() => {
      // The next has begun already if one was waiting.
      if (this.running === run) this.running = undefined;
    });
    this.running = run;
    return run;
  }
}
