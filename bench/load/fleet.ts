import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Cleanup } from '../setup/cleanup';
import type { FleetOrder, FleetResult, FromFleet, ToFleet } from './fleet-messages';

const PROCESSES = 2;

export interface FleetRun extends FleetResult {
  seconds: number;
}

/** Simulated devices, in processes of their own. */
export class Fleet {
  private readonly processes: ChildProcess[];
  readonly stop: () => Promise<void>;

  constructor(
    readonly devices: number,
    cleanup: Cleanup,
  ) {
    const each = Math.ceil(devices / PROCESSES);
    this.processes = Array.from({ length: PROCESSES }, (_, index) => {
      const first = index * each + 1;
      const count = Math.min(each, devices - first + 1);
      return fork(join(__dirname, 'fleet-process.js'), [String(first), String(count)], {
        execArgv: ['--enable-source-maps'],
      });
    });
    this.stop = cleanup.add(async () => this.processes.forEach((child) => child.kill()));
  }

  /** Has all devices sync. `connections`: over all processes. */
  async run(order: FleetOrder): Promise<FleetRun> {
    const connections = Math.ceil(order.connections / PROCESSES);
    await this.tellAll({ type: 'open', order: { ...order, connections } });
    const start = performance.now();
    const answers = await this.tellAll({ type: 'go' });
    const seconds = (performance.now() - start) / 1000;
    const results = answers.flatMap((answer) => (answer.type === 'done' ? [answer.result] : []));
    return {
      seconds,
      latencies: results.flatMap(({ latencies }) => latencies),
      refused: results.reduce((sum, { refused }) => sum + refused, 0),
      updates: results.reduce((sum, { updates }) => sum + updates, 0),
    };
  }

  private async tellAll(message: ToFleet): Promise<FromFleet[]> {
    return Promise.all(this.processes.map((child) => tell(child, message)));
  }
}

async function tell(child: ChildProcess, message: ToFleet): Promise<FromFleet> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('A process with simulated devices ended.'));
    child.once('exit', ended);
    child.once('message', (received) => {
      child.off('exit', ended);
      const answer = received as FromFleet;
      if (answer.type === 'failed') reject(new Error(answer.reason));
      else resolve(answer);
    });
    child.send(message);
  });
}
