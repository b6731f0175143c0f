type Waiting<Item, Result> = {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
};

export interface BatchedOptions {
  /** Items of one run. */
  maxItems: number;
  /** Whether an error of a run is that of all its items. Otherwise each of them is done alone, so that one fails alone. */
  isOfAll: (error: unknown) => boolean;
}

/**
 * Work that is done for many items at once. At most one run is under way: what is asked for meanwhile waits for the next,
 * so that each run begins after all its items were asked for.
 */
export class Batched<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private isRunning = false;

  /** @param work returns one result for each item, in order */
  constructor(
    private readonly work: (items: Item[]) => Promise<Result[]>,
    private readonly options: BatchedOptions,
  ) {}

  async run(item: Item): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (!this.isRunning) void this.runAll();
    });
  }

  private async runAll(): Promise<void> {
    this.isRunning = true;
    while (this.waiting.length > 0) await this.runSome(this.waiting.splice(0, this.options.maxItems));
    this.isRunning = false;
  }

  private async runSome(some: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.work(some.map(({ item }) => item));
      for (const [index, { resolve }] of some.entries()) resolve(results[index]!);
    } catch (error) {
      if (some.length > 1 && !this.options.isOfAll(error)) {
        await Promise.all(some.map((one) => this.runSome([one])));
      } else for (const { reject } of some) reject(error);
    }
  }
}
