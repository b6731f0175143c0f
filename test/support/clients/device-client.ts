import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { DEMO_MAC } from '../apps/sync-pair';

export interface Problem {
  status: number;
  code: string;
  detail: string;
  nextStep: string;
  errors?: { field: string; reason: string }[];
}

export interface RawAnswer {
  status: number;
  head: string;
  problem: Problem;
}

export const someUlid = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
export const validRequest = { protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] };

/** Calls central as the demo's device does, also with what no edge would send. */
export class DeviceClient {
  constructor(readonly url: string) {}

  /** @param body - a text is sent as it is */
  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<[number, Problem]> {
    const response = await fetch(`${this.url}/api/device-sync/${path}`, {
      method: 'POST',
      headers: { 'x-device-mac': DEMO_MAC, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return [response.status, (await response.json()) as Problem];
  }

  async get(path: string): Promise<[number, Problem]> {
    const response = await fetch(`${this.url}/api/device-sync/${path}`, {
      headers: { 'x-device-mac': DEMO_MAC },
    });
    return [response.status, (await response.json()) as Problem];
  }

  /** A manifest of everything that the device may have. */
  async manifest(): Promise<{
    manifestId: string;
    tables: { name: string; rows: number; checksum: string }[];
  }> {
    const [, answer] = await this.post('request', validRequest);
    const { manifest } = answer as unknown as { manifest: string };
    const payload = Buffer.from(manifest.split('.')[1]!, 'base64url').toString();
    return JSON.parse(payload) as Awaited<ReturnType<DeviceClient['manifest']>>;
  }

  async open(): Promise<Socket> {
    const socket = connect(Number(new URL(this.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  /** Sends bytes on a connection of their own, and reads what comes until it is closed. */
  async raw(text: string): Promise<RawAnswer> {
    const socket = await this.open();
    socket.write(text);
    return parseAnswer(await readAll(socket));
  }
}

export async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (bytes) => (text += bytes.toString('latin1')));
  await once(socket, 'close');
  return text;
}

export function parseAnswer(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const body = rest.join('\r\n\r\n');
  return {
    status: Number(head.split(' ', 2)[1]),
    head,
    problem: (body.startsWith('{') ? JSON.parse(body) : {}) as Problem,
  };
}
