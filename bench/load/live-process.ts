import { fleetMacAddress } from '../setup/fleet-source';
import { FleetDevice } from './fleet-device';
import { KeepAliveConnection } from './keep-alive-connection';
import { LiveDevice } from './live-device';
import type { FromLive, LiveOrder, LiveProof, ToLive } from './live-messages';

/** Devices from one address of 127.0.0.0/8: they do not all have the same. */
const PER_ADDRESS = 500;
const OPENED_AT_ONCE = 50;
/** Requests of this process that are under way at once. */
const CONNECTIONS = 64;

const proofs: LiveProof[] = [];

async function open(order: LiveOrder): Promise<void> {
  const connections = order.isSyncing ? await Connections.open(order.centralUrl) : undefined;
  for (let done = 0; done < order.count; done += OPENED_AT_ONCE) {
    const length = Math.min(OPENED_AT_ONCE, order.count - done);
    await Promise.all(
      Array.from({ length }, (_, index) => openOne(order, order.first + done + index, connections)),
    );
  }
}

async function openOne(
  { centralUrl }: LiveOrder,
  number: number,
  connections: Connections | undefined,
): Promise<void> {
  const macAddress = fleetMacAddress(number);
  const place = { macAddress, localAddress: `127.1.0.${1 + Math.floor(number / PER_ADDRESS)}` };
  if (connections === undefined) return void (await LiveDevice.connect(centralUrl, place, () => undefined));
  const device = new FleetDevice(macAddress);
  const sync = async (): Promise<boolean> =>
    connections.use(async (connection) => (await device.sync(connection, performance.now())).isUpdate);
  // The first registers it, and is remembered under its MAC address alone.
  await sync();
  await sync();
  const cycles = new Cycles(async () => {
    if (await sync()) proofs.push({ device: number, provedAtMs: Date.now() });
  });
  await LiveDevice.connect(centralUrl, place, () => cycles.nudge());
}

/** Nudges that come during a cycle share the next one, as on an edge. */
class Cycles {
  private isRunning = false;
  private isWanted = false;

  constructor(private readonly cycle: () => Promise<void>) {}

  nudge(): void {
    this.isWanted = true;
    if (!this.isRunning) void this.run();
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    while (this.isWanted) {
      this.isWanted = false;
      await this.cycle().catch(fail);
    }
    this.isRunning = false;
  }
}

/** Some connections for all requests. */
class Connections {
  private readonly waiting: ((connection: KeepAliveConnection) => void)[] = [];

  private constructor(private readonly idle: KeepAliveConnection[]) {}

  static async open(centralUrl: string): Promise<Connections> {
    const idle: KeepAliveConnection[] = [];
    for (let number = 0; number < CONNECTIONS; number++)
      idle.push(await KeepAliveConnection.open(new URL(centralUrl), `127.0.${1 + (process.pid % 200)}.1`));
    return new Connections(idle);
  }

  async use<T>(work: (connection: KeepAliveConnection) => Promise<T>): Promise<T> {
    const connection =
      this.idle.pop() ?? (await new Promise<KeepAliveConnection>((take) => this.waiting.push(take)));
    try {
      return await work(connection);
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.idle.push(connection);
      else next(connection);
    }
  }
}

function tell(message: FromLive): void {
  process.send!(message);
}

function fail(error: unknown): void {
  tell({ type: 'failed', reason: String((error as Error).stack) });
}

async function obey(message: ToLive): Promise<void> {
  if (message.type === 'take') return tell({ type: 'proofs', proofs: proofs.splice(0) });
  await open(message.order);
  tell({ type: 'open' });
}

process.on('message', (message) => void obey(message as ToLive).catch(fail));
process.once('disconnect', () => process.exit(1));
