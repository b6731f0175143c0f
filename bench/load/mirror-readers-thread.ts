import { Client } from 'pg';
import { reportReady, reportResult, thisThread } from './measuring-thread';
import type { MirrorReaders, MirrorReadersResult } from './mirror-readers';
import { Pace } from './pace';

/** So that plans and caches are there. */
const FIRST_READS = 100;

async function main(): Promise<void> {
  const { work, isOver } = thisThread();
  const readers = work as MirrorReaders;
  const read = async (client: Client): Promise<boolean> => {
    const id = 1 + Math.floor(Math.random() * readers.rows);
    const text = `SELECT * FROM ${readers.table} WHERE id = $1`;
    const { rowCount } = await client.query({ name: 'read', text, values: [id] });
    return rowCount === 1;
  };
  const clients: Client[] = [];
  for (let number = 1; number <= readers.connections; number += 1) {
    const client = new Client({ connectionString: readers.databaseUrl, application_name: 'bench reader' });
    await client.connect();
    for (let reads = 1; reads <= FIRST_READS; reads += 1) await read(client);
    clients.push(client);
  }
  reportReady();

  const latencies: number[] = [];
  let missing = 0;
  const pace = new Pace(readers.perSecond);
  const run = async (client: Client): Promise<void> => {
    while (!isOver()) {
      const start = await pace.next();
      const isFound = await read(client);
      latencies.push(performance.now() - start);
      if (!isFound) missing += 1;
    }
    await client.end();
  };
  await Promise.all(clients.map(run));
  reportResult({ latencies: Float64Array.from(latencies), missing } satisfies MirrorReadersResult);
}

void main();
