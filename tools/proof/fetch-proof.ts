import type { DeviceProof } from '@rivulet/signatures';
import { appRuntimeFile, readRuntimeFile, systemRuntimeFile } from '#scripts/runtime-file.mjs';
import { Failure } from '../failure';

const TIMEOUT_MS = 30_000;
const DEVICE_ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

interface Central {
  url: string;
  authorization?: string;
}

/** @param device - its id, or its MAC address @throws Failure */
export async function fetchProof(device: string, centralUrl: string | undefined): Promise<DeviceProof> {
  const central = findCentral(centralUrl);
  const deviceId = DEVICE_ID.test(device) ? device : await findDevice(central, device);
  return call<DeviceProof>(central, `devices/${deviceId}/proof`);
}

async function findDevice(central: Central, macAddress: string): Promise<string> {
  const path = `devices?macAddress=${encodeURIComponent(macAddress)}`;
  const { devices } = await call<{ devices: { deviceId: string }[] }>(central, path);
  if (devices[0] !== undefined) return devices[0].deviceId;
  throw new Failure(`Central has no device with the MAC address ${macAddress}.`);
}

/** The operator of `npm start` is known only to the central that runs here. */
function findCentral(centralUrl: string | undefined): Central {
  const runtime = readRuntimeFile(systemRuntimeFile) ?? readRuntimeFile(appRuntimeFile('central'));
  const url = centralUrl ?? runtime?.centralUrl;
  if (url === undefined) {
    throw new Failure(
      'Rivulet is not running here: start it with npm start in another terminal, or say --central.',
    );
  }
  const apiKey = process.env['RIVULET_API_KEY'];
  if (apiKey !== undefined && apiKey !== '') return { url, authorization: `Bearer ${apiKey}` };
  if (runtime?.operatorUsername === undefined || runtime.centralUrl !== url) return { url };
  const { operatorUsername, operatorPassword = '' } = runtime;
  const credentials = Buffer.from(`${operatorUsername}:${operatorPassword}`).toString('base64');
  return { url, authorization: `Basic ${credentials}` };
}

async function call<T>({ url, authorization }: Central, path: string): Promise<T> {
  const headers = authorization === undefined ? {} : { authorization };
  const response = await fetch(`${url}/api/${path}`, {
    headers,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw new Failure(`Central at ${url} does not answer: ${(error as Error).message}.`);
  });
  const body = (await response.json()) as T & { detail?: string; nextStep?: string };
  if (response.ok) return body;
  throw new Failure(`Central answered: ${body.detail ?? response.status} ${body.nextStep ?? ''}`.trim());
}
