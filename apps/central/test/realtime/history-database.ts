import { connect } from '@rivulet/platform';
import { createPool } from '@rivulet/postgres';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { Logger } from '@nestjs/common';
import { CreateOperationalTables1763683200000 } from '../../../../db/central/migrations/1763683200000-create-operational-tables';
import { CreateRealtime1795773600000 } from '../../../../db/central/migrations/1795773600000-create-realtime';
import { PostgresHistory } from '../../src/realtime/history/postgres/postgres-history';

/** A database with the tables of topics. */
export async function createHistoryDatabase(): Promise<TestDatabase> {
  Logger.overrideLogger(false);
  const database = await createTestDatabase();
  const connection = await connect({
    url: database.url,
    urlVariable: 'CENTRAL_DATABASE_URL',
    applicationName: 'test',
    entities: [],
    migrations: [CreateOperationalTables1763683200000, CreateRealtime1795773600000],
  });
  await connection.destroy();
  return database;
}

export function openHistory({ url }: TestDatabase): PostgresHistory {
  return new PostgresHistory(createPool({ url, applicationName: 'test history', maxConnections: 4 }));
}
