import type { DeviceProof } from '@rivulet/signatures';
import { callCentral, findCentral, type Central } from '../central';
import { Failure } from '../failure';

const DEVICE_ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** @param device - its id, or its MAC address @throws Failure */
export async function fetchProof(device: string, centralUrl: string | undefined): Promise<DeviceProof> {
  const central = findCentral(centralUrl);
  const deviceId = DEVICE_ID.test(device) ? device : await findDevice(central, device);
  return callCentral<DeviceProof>(central, `devices/${deviceId}/proof`);
}

async function findDevice(central: Central, macAddress: string): Promise<string> {
  const path = `devices?macAddress=${encodeURIComponent(macAddress)}`;
  const { devices } = await callCentral<{ devices: { deviceId: string }[] }>(central, path);
  if (devices[0] !== undefined) return devices[0].deviceId;
  throw new Failure(`Central has no device with the MAC address ${macAddress}.`);
}
