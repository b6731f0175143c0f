import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cleanup } from '../setup/cleanup';
import type { FromLive, LiveOrder, LiveProof, ToLive } from './live-messages';

const PROCESSES = 2;
const TAKE_EVERY_MS = 100;
const PROVED_WITHIN_MS = 60_000;

/** Connected devices, in processes of their own. */
export class LiveFleet {
  private readonly processes: ChildProcess[];
  readonly stop: () => Promise<void>;
  private failure: Error | undefined;

  constructor(cleanup: Cleanup) {
    this.processes = Array.from({ length: PROCESSES }, () =>
      fork(join(__dirname, 'live-process.js'), { execArgv: ['--enable-source-maps'] }),
    );
    for (const child of this.processes)
      child.on('message', (message) => {
        const answer = message as FromLive;
        if (answer.type === 'failed') this.failure = new Error(answer.reason);
      });
    this.stop = cleanup.add(async () => this.processes.forEach((child) => child.kill()));
  }

  /** Resolves when all are connected, and those that sync have all that they may have. */
  async open(order: Omit<LiveOrder, 'first'>): Promise<void> {
    const each = Math.ceil(order.count / PROCESSES);
    await Promise.all(
      this.processes.map((child, index) => {
        const first = 1 + index * each;
        const count = Math.max(0, Math.min(each, order.count - index * each));
        return this.tell(child, { type: 'open', order: { ...order, first, count } });
      }),
    );
  }

  /** The next proofs of so many devices. @throws when one fails, or a minute has passed */
  async proofs(count: number): Promise<LiveProof[]> {
    const proved = new Map<number, LiveProof>();
    const deadlineMs = performance.now() + PROVED_WITHIN_MS;
    while (proved.size < count) {
      if (this.failure !== undefined) throw this.failure;
      if (performance.now() > deadlineMs) throw new Error(`Of ${count} devices ${proved.size} have proved.`);
      await delay(TAKE_EVERY_MS);
      const answers = await Promise.all(this.processes.map((child) => this.tell(child, { type: 'take' })));
      for (const answer of answers)
        if (answer.type === 'proofs') for (const proof of answer.proofs) proved.set(proof.device, proof);
    }
    return [...proved.values()];
  }

  private tell(child: ChildProcess, message: ToLive): Promise<FromLive> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('A process with connected devices ended.'));
      child.once('exit', ended);
      child.once('message', (received) => {
        child.off('exit', ended);
        const answer = received as FromLive;
        if (answer.type === 'failed') reject(new Error(answer.reason));
        else resolve(answer);
      });
      child.send(message);
    });
  }
}
