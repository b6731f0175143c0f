import { RivuletError } from '@rivulet/errors';
import { Client, type ClientConfig } from 'pg';

const TIMEOUT_MS = 10_000;

/**
 * Refuses a pooler that gives each transaction another session of the server: what is set for a session is lost then, or
 * is somebody else's, and locks of sessions stay behind. One that gives each connection a session of its own is welcome.
 *
 * Two connections, each of which asks twice who serves it. Where they have sessions of their own, the answers of one are
 * equal and those of both differ, in whatever order the pooler hands its sessions out.
 *
 * @throws RivuletError TRANSACTION_POOLING
 */
export async function refuseTransactionPooling(config: ClientConfig): Promise<void> {
  const own = { ...config, connectionTimeoutMillis: TIMEOUT_MS, query_timeout: TIMEOUT_MS };
  const first = new Client(own);
  const second = new Client(own);
  try {
    await connect(first);
    await connect(second);
    const before = [await pidOf(first), await pidOf(first)];
    const after = [await pidOf(second), await pidOf(second)];
    const areApart = before[0] === before[1] && after[0] === after[1] && before[0] !== after[0];
    if (!areApart) throw new RivuletError('TRANSACTION_POOLING', explain(first));
  } finally {
    first.connection.stream.destroy();
    second.connection.stream.destroy();
  }
}

async function connect(client: Client): Promise<void> {
  client.on('error', () => undefined);
  await client.connect();
}

async function pidOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]!.pid;
}

function explain({ host, port }: Client): string {
  return (
    `The pooler at ${host}:${port} gives each transaction another session of PostgreSQL, and Rivulet needs a ` +
    'session for each connection: settings, locks and temporary tables belong to it.'
  );
}
