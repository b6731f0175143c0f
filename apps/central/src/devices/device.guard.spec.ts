import type { ExecutionContext } from '@nestjs/common';
import { Registry } from 'prom-client';
import type { Device } from './device';
import { DeviceGuard } from './device.guard';
import { DevicesMetrics } from './devices.metrics';

interface Call {
  headers: Record<string, string | string[]>;
  device?: Device;
}

let metrics: DevicesMetrics;
let guard: DeviceGuard;

beforeEach(() => {
  metrics = new DevicesMetrics(new Registry());
  guard = new DeviceGuard(metrics);
});

function letIn(call: Call): boolean {
  return guard.canActivate({ switchToHttp: () => ({ getRequest: () => call }) } as ExecutionContext);
}

function callWith(header: string | string[] | undefined): Call {
  return { headers: header === undefined ? {} : { 'x-device-mac': header } };
}

async function refusals(): Promise<[unknown, number][]> {
  const { values } = await metrics.refusals.get();
  return values.map(({ labels, value }) => [labels.code, value]);
}

it.each(['48:b0:2d:e9:c3:b7', '48:B0:2D:E9:C3:B7', '48-b0-2d-e9-c3-b7', '48b0.2de9.c3b7', ' 48b02de9c3b7 '])(
  'lets a device in that sends its MAC address as %j, and knows it in one form',
  (header) => {
    const call = callWith(header);
    expect(letIn(call)).toBe(true);
    expect(call.device).toEqual({ macAddress: '48:b0:2d:e9:c3:b7' });
  },
);

it.each([undefined, '', '  '])(
  'refuses a call whose header is %j, as nobody knows whose it is',
  async (header) => {
    const call = callWith(header);
    expect(() => letIn(call)).toThrow(expect.objectContaining({ code: 'DEVICE_UNIDENTIFIED' }) as Error);
    expect(call.device).toBeUndefined();
    expect(await refusals()).toEqual([['DEVICE_UNIDENTIFIED', 1]]);
  },
);

it.each(['48:b0:2d:e9:c3', '48:b0:2d:e9:c3:b7:01', '48:b0:2d:e9:c3:zz', 'a device'])(
  'refuses %j, which is no MAC address',
  async (header) => {
    const call = callWith(header);
    expect(() => letIn(call)).toThrow(expect.objectContaining({ code: 'MAC_ADDRESS_INVALID' }) as Error);
    expect(call.device).toBeUndefined();
    expect(await refusals()).toEqual([['MAC_ADDRESS_INVALID', 1]]);
  },
);

it('counts no refusal of a device that it lets in', async () => {
  letIn(callWith('48:b0:2d:e9:c3:b7'));
  expect(await refusals()).toEqual([]);
});
