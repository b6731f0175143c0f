import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface DevicesState {
  /** Of those that have not been stopped. */
  connected: number;
  /** HTTP statuses of all requests, with how many had them. */
  answers: Record<string, number>;
}

/** Devices that stay connected, in a process of their own. */
export class ConnectedDevices {
  private readonly child: ChildProcess = fork(join(__dirname, 'connected-devices-process.mjs'), {
    execArgv: [],
  });

  /** They sync once, and then stay connected. */
  async connect(centralUrl: string, macAddresses: string[]): Promise<DevicesState> {
    return this.tell({ type: 'connect', centralUrl, macAddresses });
  }

  /** The first so many of them go for good. */
  async stop(count: number): Promise<DevicesState> {
    return this.tell({ type: 'stop', count });
  }

  async state(): Promise<DevicesState> {
    return this.tell({ type: 'state' });
  }

  async end(): Promise<void> {
    if (!this.child.connected) return;
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }

  private async tell(order: { type: string } & Record<string, unknown>): Promise<DevicesState> {
    this.child.send(order);
    const answered = new AbortController();
    const { signal } = answered;
    const died = once(this.child, 'exit', { signal }).then(([code]) =>
      Promise.reject(new Error(`The process of the devices ended with ${code}.`)),
    );
    try {
      const [state] = (await Promise.race([once(this.child, 'message', { signal }), died])) as [DevicesState];
      return state;
    } finally {
      died.catch(() => undefined);
      answered.abort();
    }
  }
}
