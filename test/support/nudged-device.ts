import { setTimeout as delay } from 'node:timers/promises';
import type { CentralInProcess } from './central-in-process';
import { ProvedDevice } from './proved-device';
import { TestAgent } from './test-agent';

/** A device of the demo that syncs once, and from then on when it is told to and at no other time. */
export class NudgedDevice {
  private isOver = false;
  private following: Promise<void> | undefined;
  private changes = 0;

  private constructor(
    private readonly central: CentralInProcess,
    private readonly macAddress: string,
    private readonly device: ProvedDevice,
    private readonly agent: TestAgent,
  ) {}

  static async connect(central: CentralInProcess, macAddress: string): Promise<NudgedDevice> {
    const device = new ProvedDevice(central.url, macAddress);
    while ((await device.sync()) !== 'current');
    const agent = await TestAgent.overWebSocket(central.url, device.headers, macAddress);
    await agent.register();
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
    for (let beat = 0; !this.isOver; beat++) {
      const nudges = this.agent.received.splice(0).filter(({ type }) => type === 'NUDGE');
      if (nudges.length > 0) await this.device.sync();
      if (beat % 100 === 0) this.agent.send({ type: 'HEARTBEAT' });
      await delay(20);
    }
  }
}
