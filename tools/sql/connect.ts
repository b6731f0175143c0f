import { Client } from 'pg';
import { Failure } from '../failure';
import type { AppName } from './sql-arguments';

const CONNECT_TIMEOUT_MS = 5_000;

/** A connection whose values are text, as PostgreSQL writes it. @throws Failure */
export async function connect(connectionString: string, app: AppName): Promise<Client> {
  const client = new Client({
    connectionString,
    application_name: 'rivulet-sql',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types: { getTypeParser: () => (text: string) => text },
  });
  client.on('notice', ({ severity, message }) => process.stderr.write(`${severity}: ${message}\n`));
  client.on('error', () => undefined); // The statement that was under way reports it.
  try {
    await client.connect();
    return client;
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    throw new Failure(
      `The database of ${app} does not answer (${message || code}). Is Rivulet still running?`,
    );
  }
}
