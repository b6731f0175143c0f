import { Agent, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { startFixture, type Fixture } from '../../test/fixture-app';

describe('an answer that is streamed', () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const connections: Socket[] = [];
  let fixture: Fixture;
  let server: Server;

  beforeAll(async () => {
    fixture = await startFixture();
    await fixture.app.listen(0, '127.0.0.1');
    server = fixture.app.getHttpServer();
    server.on('connection', (socket: Socket) => connections.push(socket));
  });

  afterAll(async () => {
    agent.destroy();
    await fixture.app.close();
  });

  async function ask(path: string, method = 'GET'): Promise<{ answer: IncomingMessage; body: string }> {
    const { port } = server.address() as AddressInfo;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ port, path: `/api/samples/${path}`, method, agent }, resolve)
        .on('error', reject)
        .end();
    });
    return { answer, body: await text(answer) };
  }

  it('leaves nothing on its connection, which stays open', async () => {
    await ask('one');
    const [socket] = connections;
    const before = socket!.listenerCount('close');
    for (let turn = 0; turn < 3; turn += 1) expect((await ask('streamed')).body).toBe('abc');
    await ask('one');
    expect(connections).toEqual([socket]);
    expect(socket!.listenerCount('close')).toBe(before);
  });

  it.each(['GET', 'HEAD'])('to %s has the headers that it was given', async (method) => {
    const { answer, body } = await ask('streamed', method);
    expect(answer).toMatchObject({
      statusCode: 200,
      headers: {
        'content-type': 'text/plain',
        'content-length': '3',
        'content-disposition': 'attachment; filename="abc.txt"',
      },
    });
    expect(body).toBe(method === 'GET' ? 'abc' : '');
  });
});
