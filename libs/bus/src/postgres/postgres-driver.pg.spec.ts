import { createTestDatabase, TcpRelay, type BusServer } from '@rivulet/testing';
import { describeBus } from '../../test/bus-contract';
import { createBusTables } from '../index';

/** The server of the test run stays; its connections are cut, and new ones find nobody. */
async function startPostgres(): Promise<BusServer> {
  const database = await createTestDatabase();
  await database.pool.query(`CREATE SCHEMA rivulet; ${createBusTables}`);
  const relay = await TcpRelay.start(database.url);
  return {
    url: 'postgres:',
    databaseUrl: relay.through(database.url),
    kill: () => {
      relay.refusesNew = true;
      relay.cut('reset');
      return Promise.resolve();
    },
    restart: () => Promise.resolve(void (relay.refusesNew = false)),
    stop: async () => {
      await relay.stop();
      await database.drop();
    },
  };
}

describe('the bus over PostgreSQL', () => {
  describeBus(startPostgres);
});
