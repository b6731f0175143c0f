type Step = () => Promise<unknown>;

/** How to end what has been started, the last first. Each step runs once, whoever asks. */
export class Cleanup {
  private readonly steps: Step[] = [];
  private running: Promise<void> | undefined;

  /** Returns a function that takes this step before its turn. */
  add(step: Step): () => Promise<void> {
    this.steps.push(step);
    return async () => {
      const index = this.steps.indexOf(step);
      if (index === -1) return;
      this.steps.splice(index, 1);
      await step();
    };
  }

  /** Also for whoever asks while it runs. */
  run(): Promise<void> {
    this.running ??= this.takeSteps();
    return this.running;
  }

  get hasBegun(): boolean {
    return this.running !== undefined;
  }

  private async takeSteps(): Promise<void> {
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      await step().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
    }
  }
}
