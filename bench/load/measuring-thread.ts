import { join } from 'node:path';
import { parentPort, Worker, workerData } from 'node:worker_threads';

/** Work that measures in a thread of its own, so that what the benchmark does meanwhile delays no clock of it. */
export interface MeasuringThread<Result> {
  /** Ends the measurement and returns its result. */
  stop(): Promise<Result>;
}

type Message<Result> = { type: 'ready' } | { type: 'result'; result: Result };

/** Shared with the thread. 1 means that it is to end. */
type StopFlag = Int32Array<SharedArrayBuffer>;

/** Starts the program `name` of this folder. Resolves when it measures. */
export async function startMeasuringThread<Result>(
  name: string,
  work: object,
): Promise<MeasuringThread<Result>> {
  const stopFlag: StopFlag = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(join(__dirname, `${name}.js`), { workerData: { work, stopFlag } });
  const failed = new Promise<never>((_, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error(`${name} ended without a result.`)));
  });
  failed.catch(() => undefined); // Whoever waits for a message gets it.
  const result = new Promise<Result>((resolve) => {
    worker.on('message', (message: Message<Result>) => {
      if (message.type === 'result') resolve(message.result);
    });
  });
  await Promise.race([failed, new Promise((resolve) => worker.once('message', resolve))]);
  return {
    stop: () => {
      Atomics.store(stopFlag, 0, 1);
      return Promise.race([failed, result]);
    },
  };
}

/** The thread's task, and whether it is to end. */
export function thisThread(): { work: unknown; isOver: () => boolean } {
  const { work, stopFlag } = workerData as { work: unknown; stopFlag: StopFlag };
  return { work, isOver: () => Atomics.load(stopFlag, 0) === 1 };
}

export function reportReady(): void {
  post({ type: 'ready' });
}

export function reportResult(result: object): void {
  post({ type: 'result', result });
}

function post(message: Message<object>): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin; that is for windows of a browser
  parentPort!.postMessage(message);
}
