import type { DeviceProof } from '@rivulet/signatures';
import { appRuntimeFile, readRuntimeFile, systemRuntimeFile } from '#scripts/runtime-file.mjs';
import { Failure } from '../failure';

const TIMEOUT_MS = 30_000;
const DEVICE_ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** @param device - its id, or its MAC address @throws Failure */
export async function fetchProof(device: string, centralUrl: string | undefined): Promise<DeviceProof> {
  const url = centralUrl ?? findCentral();
  const deviceId = DEVICE_ID.test(device) ? device : await findDevice(url, device);
  return call<DeviceProof>(url, `devices/${deviceId}/proof`);
}

async function findDevice(url: string, macAddress: string): Promise<string> {
  const path = `devices?macAddress=${encodeURIComponent(macAddress)}`;
  const { devices } = await call<{ devices: { deviceId: string }[] }>(url, path);
  if (devices[0] !== undefined) return devices[0].deviceId;
  throw new Failure(`Central has no device with the MAC address ${macAddress}.`);
}

function findCentral(): string {
  const runtime = readRuntimeFile(systemRuntimeFile) ?? readRuntimeFile(appRuntimeFile('central'));
  if (runtime?.centralUrl !== undefined) return runtime.centralUrl;
  throw new Failure(
    'Rivulet is not running here: start it with npm start in another terminal, or say --central.',
  );
}

async function call<T>(url: string, path: string): Promise<T> {
  const response = await fetch(`${url}/api/${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
    (error: unknown) => {
      throw new Failure(`Central at ${url} does not answer: ${(error as Error).message}.`);
    },
  );
  const body = (await response.json()) as T & { detail?: string; nextStep?: string };
  if (response.ok) return body;
  throw new Failure(`Central answered: ${body.detail ?? response.status} ${body.nextStep ?? ''}`.trim());
}
