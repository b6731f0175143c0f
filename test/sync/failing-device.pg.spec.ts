import { Logger } from '@nestjs/common';
import { SyncInProcess } from '../support/apps/sync-in-process';

const source = `
CREATE SCHEMA source;
CREATE TABLE source.readings (id int PRIMARY KEY, value text);
INSERT INTO source.readings SELECT n, 'first' FROM generate_series(1, 10) AS n`;

const datasets = `version: 1
scope: { query: "SELECT 1 AS device_id WHERE :mac_address <> ''" }
datasets:
  - { name: readings, key: [id], query: "SELECT id, value FROM source.readings" }
`;

it('failing-device-unseen: a trigger on the device that meddles is told at central, until it is gone', async () => {
  const pair = await SyncInProcess.create(source, '');
  const warn = jest.spyOn(Logger.prototype, 'warn');
  try {
    const central = await pair.services(datasets);
    await pair.sync(central);
    await pair.edge.database.pool.query(`
      CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.value := 'meddled'; RETURN NEW; END $$;
      CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON readings FOR EACH ROW EXECUTE FUNCTION meddle()`);
    await pair.central.database.pool.query(`UPDATE source.readings SET value = 'second' WHERE id = 1`);

    const { error } = await pair.sync(central);
    const told = warn.mock.calls.filter(([, line]) => String(line).includes('could not apply'));
    expect(told).toHaveLength(1);
    expect(told[0]![0]).toMatchObject({ deviceId: '1', code: error!.code, table: 'readings' });
    expect(central.troubles.failing(5)).toMatchObject({ count: 1 });

    await pair.edge.database.pool.query('DROP TRIGGER meddle ON readings');
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
    expect(central.troubles.failing(5)).toMatchObject({ count: 0 });
  } finally {
    warn.mockRestore();
    await pair.close();
  }
});
