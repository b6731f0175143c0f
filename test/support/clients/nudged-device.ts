import { setTimeout as delay } from 'node:timers/promises';
import type { CentralInProcess } from '../apps/central-in-process';
import { ProvedDevice } from './proved-device';
import { TestAgent } from './test-agent';

const BEAT_MS = 1_000;

/**
 * A device of the demo that syncs once, and from then on when it is told to and at no other time. It connects again where
 * central has given it up, as it does with one whose heartbeats a busy machine keeps back.
 */
export class NudgedDevice {
  private isOver = false;
  private following: Promise<void> | undefined;
  private changes = 0;

  private constructor(
    private readonly central: CentralInProcess,
    private readonly macAddress: string,
    private readonly device: ProvedDevice,
    private agent: TestAgent,
  ) {}

  static async connect(central: CentralInProcess, macAddress: string): Promise<NudgedDevice> {
    const device = new ProvedDevice(central.url, macAddress);
    while ((await device.sync()) !== 'current');
    const agent = await connectAgent(central, device, macAddress);
    const nudged = new NudgedDevice(central, macAddress, device, agent);
    nudged.following = nudged.follow();
    return nudged;
  }

  /** Changes a row that is in its scope. */
  async changeRow(): Promise<void> {
    await this.central.database.pool.query(
      `UPDATE public.locations SET name = $2 WHERE id = (SELECT location_id FROM public.devices WHERE mac_address = $1)`,
      [this.macAddress, `Change ${++this.changes}`],
    );
  }

  /** Resolves when it has the rows that a device without any would get now. */
  async hasConverged(): Promise<void> {
    const fresh = new ProvedDevice(this.central.url, this.macAddress);
    await fresh.sync();
    while (JSON.stringify(this.device.checksums) !== JSON.stringify(fresh.checksums)) await delay(20);
  }

  async stop(): Promise<void> {
    this.isOver = true;
    this.agent.destroy();
    await this.following;
  }

  private async follow(): Promise<void> {
    let beatAtMs = -Infinity;
    while (!this.isOver) {
      if (this.agent.isClosed) this.agent = await connectAgent(this.central, this.device, this.macAddress);
      const nudges = this.agent.received.splice(0).filter(({ type }) => type === 'NUDGE');
      if (nudges.length > 0) await this.device.sync();
      if (performance.now() - beatAtMs > BEAT_MS) {
        this.agent.send({ type: 'HEARTBEAT' });
        beatAtMs = performance.now();
      }
      await delay(20);
    }
  }
}

async function connectAgent(
  central: CentralInProcess,
  { headers }: ProvedDevice,
  macAddress: string,
): Promise<TestAgent> {
  const agent = await TestAgent.overWebSocket(central.url, headers, macAddress);
  await agent.register();
  return agent;
}
