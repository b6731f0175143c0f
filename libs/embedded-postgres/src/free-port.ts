import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

export const LOOPBACK = '127.0.0.1';

/** The wanted port if it is free, else any. Somebody may take it before it is used: be ready to ask again. */
export async function findFreePort(wanted: number | undefined): Promise<number> {
  return (wanted !== undefined && (await tryPort(wanted))) || (await tryPort(0));
}

/** The port, or 0 if it is taken. */
async function tryPort(port: number): Promise<number> {
  const server = createServer().listen({ port, host: LOOPBACK });
  try {
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  } catch (error) {
    if (port !== 0) return 0;
    throw error;
  } finally {
    server.close();
  }
}
