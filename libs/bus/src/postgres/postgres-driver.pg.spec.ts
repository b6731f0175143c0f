import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase, hasPgBouncer, PgBouncer, TcpRelay, type BusServer } from '@rivulet/testing';
import { describeBus } from '../../test/bus-contract';
import { createBusTables, openBus } from '../index';
import { busLimits } from '../limits';

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

/** A bus alone; central has its tables in the same database, and refuses to start behind such a pooler. */
const withPooler = hasPgBouncer('the bus behind a pooler') ? describe : describe.skip;

withPooler('the bus behind a pooler', () => {
  it('says that nothing arrives while it gives each transaction another session', async () => {
    jest.replaceProperty(busLimits, 'heartbeatMs', 200 as never);
    jest.replaceProperty(busLimits, 'publishTimeoutMs', 1_000 as never);
    const database = await createTestDatabase();
    await database.pool.query(`CREATE SCHEMA rivulet; ${createBusTables}`);
    const pooler = await PgBouncer.start(database.url, 'session');
    const bus = await openBus({ url: 'postgres:', databaseUrl: pooler.through(database.url) });
    const becomes = async (isConnected: boolean): Promise<void> => {
      while (bus.state.isConnected !== isConnected) await delay(20);
    };
    const received: unknown[] = [];
    await bus.subscribe('a', ({ body }) => void received.push(body));
    await becomes(true);
    pooler.changeMode('transaction');
    await becomes(false);
    expect(bus.state).toMatchObject({ reason: expect.stringContaining('pool_mode = session') as string });
    pooler.changeMode('session');
    await becomes(true);
    await bus.publish('a', 1);
    while (received.length === 0) await delay(20);
    expect(received).toEqual([1]);
    await bus.close();
    await pooler.stop();
    await database.drop();
    jest.restoreAllMocks();
  });
});
