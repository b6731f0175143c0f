import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import { DeviceSyncMetrics } from './device-sync.metrics';
import { DeviceTroubles, tableNamedIn } from './device-troubles';

let registry: Registry;
let troubles: DeviceTroubles;
let warn: jest.SpyInstance;

beforeEach(() => {
  registry = new Registry();
  troubles = new DeviceTroubles(new DeviceSyncMetrics(registry));
  warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
});

afterEach(() => jest.restoreAllMocks());

const failure = {
  macAddress: '48:b0:2d:e9:c3:b7',
  code: 'CHECKSUM_MISMATCH',
  message: 'Table users reads back as 1041 rows; the manifest promises 1042.',
  table: 'users',
} as const;

it('failing-device-unseen: a device that fails is told with its code, its table and what to do', async () => {
  troubles.failed('7', failure);
  expect(warn).toHaveBeenCalledTimes(1);
  const [fields, line] = warn.mock.calls[0]! as [object, string];
  expect(fields).toMatchObject({
    deviceId: '7',
    macAddress: failure.macAddress,
    code: failure.code,
    table: 'users',
  });
  expect(line).toMatch(
    /^Device 7 \(48:b0:2d:e9:c3:b7\) could not apply .*, table users: CHECKSUM_MISMATCH: .* Next step: \S/,
  );
  expect(troubles.failing(5)).toMatchObject({
    count: 1,
    devices: [{ deviceId: '7', code: failure.code, table: 'users' }],
  });
  expect(await registry.getSingleMetricAsString('rivulet_central_failing_devices')).toMatch(
    /failing_devices 1$/,
  );
});

it('the same failure is told again after an hour, with how often it was reported', () => {
  const now = jest.spyOn(performance, 'now');
  for (let minute = 0; minute < 120; minute += 5) {
    now.mockReturnValue(minute * 60_000);
    troubles.failed('7', failure);
  }
  expect(warn.mock.calls.map(([{ times }]: [{ times: number }]) => times)).toEqual([1, 13]);
});

it('another failure of the device is told at once', () => {
  troubles.failed('7', failure);
  troubles.failed('7', { ...failure, code: 'DISK_FULL' });
  expect(warn).toHaveBeenCalledTimes(2);
});

it('a device that applies what it is sent is no longer counted', async () => {
  const log = jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
  troubles.failed('7', failure);
  troubles.applied('7');
  troubles.applied('8');
  expect(log).toHaveBeenCalledTimes(1);
  expect(troubles.failing(5)).toEqual({ count: 0, devices: [] });
  expect(await registry.getSingleMetricAsString('rivulet_central_failing_devices')).toMatch(
    /failing_devices 0$/,
  );
});

describe('the table that a message is about', () => {
  it.each([
    ['Table users reads back as 1 row.', 'users'],
    ['relation "public.user_groups" has a trigger', 'user_groups'],
    ['Table Größe und Maß does not fit', 'Größe und Maß'],
    ['There is no room on the disk.', undefined],
  ])('of "%s" is %s', (message, table) => {
    expect(tableNamedIn(message, ['user', 'users', 'user_groups', 'Größe und Maß'])).toBe(table);
  });
});
