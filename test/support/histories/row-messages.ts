import type { SyncSocket } from '../clients/sync-socket';

/** The test's role has the name of Rivulet's own schema, which PostgreSQL would look into first. */
export const inPublic = 'SET search_path = public; ';

export function dataOf(socket: SyncSocket): unknown[] {
  return socket.of('data').map(({ data }) => data);
}

export function resyncsOf(socket: SyncSocket): unknown[] {
  return socket
    .of('sync')
    .filter(({ resync }) => resync === true)
    .map(({ topic }) => topic);
}

export function order(operation: string, id: number | string, row?: object): object {
  return { table: 'public.orders', operation, key: { id: String(id) }, ...(row && { row }) };
}
