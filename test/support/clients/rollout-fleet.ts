import { RolloutDriver } from '../../../apps/central/src/rollouts/rollout-driver';
import type { CentralInProcess } from '../apps/central-in-process';
import type { RolloutPage } from '../documents/rollout-page';
import { SimulatedDevice } from './simulated-device';

let names = 0;

/** A configuration whose version 1 its devices run, and whose version 2 waits. The devices of others are no targets. */
export class RolloutFleet {
  private constructor(
    readonly central: CentralInProcess,
    readonly name: string,
    readonly devices: SimulatedDevice[],
  ) {}

  static async start(
    central: CentralInProcess,
    count: number,
    targets: object | null = {},
  ): Promise<RolloutFleet> {
    const name = `fleet-${names++}`;
    const fleet = new RolloutFleet(central, name, []);
    for (let n = 0; n < count; n++) await fleet.join();
    const own = { labels: [], devices: fleet.devices.map(({ id }) => id) };
    await fleet.add({ data: { n: 1 }, targets: targets && { ...own, ...targets } });
    await fleet.pollAll();
    await fleet.add({ data: { n: 2 }, release: false });
    return fleet;
  }

  /** One device more. */
  async join(): Promise<SimulatedDevice> {
    const { central, name, devices } = this;
    const device = await SimulatedDevice.register(central, name, `${name}-device-${devices.length}`);
    devices.push(device);
    return device;
  }

  async add(body: object): Promise<[number, Record<string, unknown>]> {
    return this.central.call('POST', `/api/configurations/${this.name}/versions`, body);
  }

  async begin(plan: object): Promise<RolloutPage> {
    const path = `/api/configurations/${this.name}/rollouts`;
    const [status, begun] = await this.central.call<RolloutPage>('POST', path, plan);
    if (status !== 201 || begun.status !== 'running') throw new Error(`No rollout: ${JSON.stringify(begun)}`);
    return begun;
  }

  async pollAll(): Promise<void> {
    await Promise.all(this.devices.map((device) => device.poll()));
  }

  async page({ rolloutId }: RolloutPage): Promise<RolloutPage> {
    return (await this.central.call<RolloutPage>('GET', `/api/rollouts/${rolloutId}`))[1];
  }

  /** By an operator of any central. */
  async steer(
    { rolloutId }: RolloutPage,
    what: string,
    body?: object,
    on = this.central,
  ): Promise<[number, RolloutPage]> {
    return on.call<RolloutPage>('POST', `/api/rollouts/${rolloutId}/${what}`, body);
  }

  with(version: number): SimulatedDevice[] {
    return this.devices.filter(({ inForce }) => inForce === version);
  }
}

/** Takes the steps that the drivers would take within the next second. */
export async function lookAtRollouts(...centrals: CentralInProcess[]): Promise<void> {
  await centrals[0]!.database.pool.query(
    `UPDATE rivulet.rollouts SET next_look_at = clock_timestamp() - interval '1 s'`,
  );
  await Promise.all(centrals.map((each) => each.get(RolloutDriver).look()));
}
