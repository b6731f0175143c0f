import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const edge = (path) => require(`../../../dist/apps/edge/src/${path}.js`);
const { FeaturesEnv } = edge('features/features.env');
const { HubEnv } = edge('hub/hub.env');
const { LiveConnection } = edge('live/live-connection');
const { LiveMetrics } = edge('live/live.metrics');
const { Logger } = require('@nestjs/common');
const { Registry } = require('prom-client');

const ASKED_AT_ONCE = 20;
const REQUEST = { protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] };

/** HTTP statuses of all requests, with how many had them. */
const answers = {};
let devices = [];

/** The connection of an edge as it is, without its database: a nudge makes it ask what it should have. */
class ConnectedDevice {
  constructor(centralUrl, macAddress) {
    this.centralUrl = centralUrl;
    this.headers = { 'x-device-mac': macAddress };
    this.connection = new LiveConnection(
      { isEnabled: true },
      new FeaturesEnv(),
      Object.assign(new HubEnv(), { centralUrl }),
      { read: async () => ({ last_cycle: 'current' }) },
      { nudge: () => void this.ask() },
      new LiveMetrics(new Registry()),
      { headers: async () => this.headers, renew: () => undefined },
      macAddress,
    );
  }

  /** The first registers it. */
  async ask() {
    try {
      const response = await fetch(`${this.centralUrl}/api/device-sync/request`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...this.headers },
        body: JSON.stringify(REQUEST),
      });
      await response.text();
      answers[response.status] = (answers[response.status] ?? 0) + 1;
    } catch {
      // The central that was killed had the connection; an edge asks again by its schedule.
    }
  }
}

async function connect({ centralUrl, macAddresses }) {
  devices = macAddresses.map((macAddress) => new ConnectedDevice(centralUrl, macAddress));
  const left = [...devices];
  await Promise.all(
    Array.from({ length: ASKED_AT_ONCE }, async () => {
      for (let device = left.pop(); device !== undefined; device = left.pop()) await device.ask();
    }),
  );
  for (const { connection } of devices) connection.onApplicationBootstrap();
}

async function obey({ type, ...order }) {
  if (type === 'connect') await connect(order);
  else if (type === 'stop')
    await Promise.all(devices.splice(0, order.count).map(({ connection }) => connection.onModuleDestroy()));
  const connected = devices.filter(({ connection }) => connection.state.isConnected).length;
  process.send({ connected, answers });
}

Logger.overrideLogger(false);
process.on('message', (order) => void obey(order));
process.once('disconnect', () => process.exit());
