import type { RunningApp } from '../setup/bench-apps';
import { neighbourMacAddress } from '../setup/bench-devices';
import { startHttpLoad } from './http-load';
import { SimulatedDevice } from './simulated-device';

const PER_SECOND = 100;
const CONNECTIONS = 8;

/** Milliseconds of each answer to GET /health/live while central builds a snapshot for a device that has nothing. */
export async function measureLiveness(central: RunningApp): Promise<Float64Array> {
  const probes = await startHttpLoad({
    url: central.url,
    requests: [{ method: 'GET', path: '/health/live', headers: {}, body: '' }],
    expected: '"ok"',
    connections: CONNECTIONS,
    perSecond: PER_SECOND,
  });
  await new SimulatedDevice(central.url, neighbourMacAddress).request();
  const { latencies, refused } = await probes.stop();
  if (Object.keys(refused).length > 0) throw new Error(`/health/live answered ${JSON.stringify(refused)}.`);
  return latencies;
}
