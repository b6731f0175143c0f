import { Progress, type ProgressOutput } from '@rivulet/cli';

/** A command that is done by then shows no progress. */
const QUIET_MS = 1_000;

/** Shows how far a command is, once it has run for a second: one stage after the other. */
export class CommandProgress {
  private readonly startedAt = performance.now();
  private stageShown: Progress | undefined;

  constructor(private readonly output: ProgressOutput) {}

  /** Ends the stage before. */
  stage(title: string): void {
    this.end();
    const quietMs = Math.max(0, QUIET_MS - (performance.now() - this.startedAt));
    this.stageShown = new Progress(title, { output: this.output, quietMs });
  }

  update(done: number, of: number, detail = ''): void {
    this.stageShown?.update(of === 0 ? undefined : done / of, detail);
  }

  end(): void {
    this.stageShown?.finish();
    this.stageShown = undefined;
  }
}
