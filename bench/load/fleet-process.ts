import { FleetDevice } from './fleet-device';
import type { FleetOrder, FleetResult, FromFleet, ToFleet } from './fleet-messages';
import { KeepAliveConnection } from './keep-alive-connection';
import { Pace } from './pace';
import { fleetMacAddress } from '../setup/fleet-source';

/** Connections from one address of 127.0.0.0/8: devices do not all have the same. */
const PER_ADDRESS = 100;

/** Devices that sync when they are told to. */
class Fleet {
  private readonly devices: FleetDevice[];
  private connections: KeepAliveConnection[] = [];
  private order: FleetOrder | undefined;

  constructor(first: number, count: number) {
    this.devices = Array.from(
      { length: count },
      (_, index) => new FleetDevice(fleetMacAddress(first + index)),
    );
  }

  async open(order: FleetOrder): Promise<void> {
    for (const connection of this.connections) connection.close();
    this.order = order;
    const url = new URL(order.centralUrl);
    this.connections = [];
    for (let number = 0; number < order.connections; number += 1) {
      const address = `127.0.${1 + (process.pid % 200)}.${1 + Math.floor(number / PER_ADDRESS)}`;
      this.connections.push(await KeepAliveConnection.open(url, address));
    }
  }

  async run(): Promise<FleetResult> {
    const { rounds, everyMs, forMs = 0 } = this.order!;
    const { length } = this.devices;
    const turns = everyMs === undefined ? rounds * length : Math.floor((length * forMs) / everyMs);
    const pace = new Pace(everyMs === undefined ? undefined : (1_000 * length) / everyMs);
    const result: FleetResult = { latencies: [], refused: 0, updates: 0 };
    let turn = 0;
    const work = async (connection: KeepAliveConnection): Promise<void> => {
      while (turn < turns) {
        const device = this.devices[turn++ % length]!;
        const { latencyMs, refused, isUpdate } = await device.sync(connection, await pace.next());
        result.latencies.push(latencyMs);
        result.refused += refused;
        result.updates += Number(isUpdate);
      }
    };
    await Promise.all(this.connections.map(work));
    return result;
  }
}

function tell(message: FromFleet): void {
  process.send!(message);
}

const [first, count] = process.argv.slice(2).map(Number);
const fleet = new Fleet(first!, count!);

async function obey(message: ToFleet): Promise<void> {
  try {
    if (message.type === 'open') {
      await fleet.open(message.order);
      tell({ type: 'open' });
    } else {
      tell({ type: 'done', result: await fleet.run() });
    }
  } catch (error) {
    tell({ type: 'failed', reason: String((error as Error).stack) });
  }
}

process.on('message', (message) => void obey(message as ToFleet));
process.once('disconnect', () => process.exit(1));
