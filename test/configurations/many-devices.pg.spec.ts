import { DataSource } from 'typeorm';
import { DeliverConfiguration } from '../../apps/central/src/configurations/delivery/deliver-configuration';
import { DeviceReports } from '../../apps/central/src/configurations/delivery/device-reports';
import { CurrentConfigurations } from '../../apps/central/src/configurations/current/current-configurations';
import { CentralInProcess } from '../support/apps/central-in-process';

const DEVICES = 1_200;
const NAME = 'many';

let central: CentralInProcess;
const ids = Array.from({ length: DEVICES }, (_, n) => `01KAJ9V9RW4C7ZK3DYE7V${String(n).padStart(5, '0')}`);

beforeAll(async () => {
  central = await CentralInProcess.start();
  await central.call('POST', `/api/configurations/${NAME}/versions`, { data: { n: 1 } });
  await central.database.pool.query(
    `INSERT INTO rivulet.devices (device_id, name, kind, status)
     SELECT id, id, 'edge', 'active' FROM unnest($1::text[]) AS id`,
    [ids],
  );
});
afterAll(() => central.stop());
afterEach(() => jest.restoreAllMocks());

/** The statements that central makes of its own database meanwhile, which look for other things now and then. */
async function statements(work: () => Promise<unknown>): Promise<number> {
  const query = jest.spyOn(central.get(DataSource), 'query');
  await work();
  return query.mock.calls.filter(([text]) => text.includes('rivulet.configuration_devices')).length;
}

it('devices that ask and report at once share statements, and each has its own number', async () => {
  const delivery = central.get(DeliverConfiguration);
  const sequences = new Map<string, number>();
  const sent = await statements(() =>
    Promise.all(
      ids.map(async (deviceId) => {
        const { sequence } = await delivery.send(NAME, { deviceId, labels: {} });
        sequences.set(deviceId, sequence);
      }),
    ),
  );
  expect(sent).toBeLessThan(10);
  expect(new Set(sequences.values()).size).toBe(DEVICES);

  const reports = central.get(DeviceReports);
  const reported = await statements(() =>
    Promise.all(
      ids.map(async (deviceId) => {
        const said = {
          name: NAME,
          version: 1,
          status: 'APPLIED',
          sequence: sequences.get(deviceId)!,
        } as const;
        expect(await reports.take(deviceId, said)).toBe(true);
      }),
    ),
  );
  expect(reported).toBeLessThan(10);
  const { rows } = await central.database.pool.query(
    `SELECT count(*)::integer AS count FROM rivulet.configuration_devices
     WHERE name = $1 AND status = 'APPLIED' AND reported_sequence = sequence`,
    [NAME],
  );
  expect(rows).toEqual([{ count: DEVICES }]);
});

it('reports of one device count in their order, also where they share a statement, and those of others with them', async () => {
  const reports = central.get(DeviceReports);
  const [one, other] = ids as [string, string];
  const take = (
    deviceId: string,
    status: 'APPLYING' | 'APPLIED' | 'FAILED',
    sequence?: number,
  ): Promise<boolean> => reports.take(deviceId, { name: NAME, version: 1, status, sequence });
  const taken = await Promise.all([
    take(ids[2]!, 'APPLYING'),
    take(one, 'APPLYING', 1_000_001),
    take(one, 'APPLIED', 1_000_001),
    take(one, 'FAILED', 1_000_000),
    take(other, 'APPLYING'),
    take(other, 'FAILED'),
    take('01KAJ9V9RW4C7ZK3DYE7VXXXXX', 'APPLIED'),
    reports.take(other, { name: 'nobody', version: 1, status: 'APPLIED' }),
  ]);
  expect(taken).toEqual([true, true, true, false, true, true, false, false]);
  const listed = await reports.list(NAME, { limit: 2 });
  expect(listed.map(({ deviceId, status }) => [deviceId, status])).toEqual([
    [one, 'APPLIED'],
    [other, 'FAILED'],
  ]);
});

it('a device that one central has sent something newer gets nothing older from another', async () => {
  const current = central.get(CurrentConfigurations);
  const delivery = central.get(DeliverConfiguration);
  const [deviceId] = ids as [string];
  await central.database.pool.query(
    `UPDATE rivulet.configuration_devices SET generation = generation + 1000 WHERE device_id = $1`,
    [deviceId],
  );
  const refresh = jest.spyOn(current, 'refresh');
  const both = await Promise.allSettled([
    delivery.send(NAME, { deviceId, labels: {} }),
    delivery.send(NAME, { deviceId: ids[1]!, labels: {} }),
  ]);
  expect(both).toMatchObject([
    { status: 'rejected', reason: { code: 'SERVER_BUSY' } },
    { status: 'fulfilled' },
  ]);
  expect(refresh).toHaveBeenCalled();
});
