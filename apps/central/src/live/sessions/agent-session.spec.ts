import { encodeAgentMessage } from '@rivulet/agent-protocol';
import type { OpenedBy } from '../../devices/authentication/device-authenticator';
import { AgentSession, type SessionHost } from './agent-session';
import type { AgentTransport } from './agent-transport';

const opened = { known: { deviceId: '01KAJ9V9RW4C7ZK3DYE7V1NB2R', name: 'tenant-1' } } as unknown as OpenedBy;

function start(open: SessionHost['open']) {
  const host = {
    heartbeatMs: 5_000,
    open,
    registered: jest.fn(),
    heard: jest.fn(),
    counted: jest.fn(),
    refused: jest.fn(),
    ended: jest.fn(),
  };
  const transport = { kind: 'tcp', address: '', waitingBytes: 0, send: jest.fn(), close: jest.fn() };
  const session = new AgentSession(transport as unknown as AgentTransport, host as unknown as SessionHost);
  return { host, transport, session };
}

const register = encodeAgentMessage({
  type: 'REGISTER',
  agent_name: 'tenant-1',
  status: 'online',
  timestamp: '1970-01-01T00:00:00Z',
  data: { token: 'rvt_x' },
}).trimEnd();

it('that has ended while central looked who it is, is not entered as connected', async () => {
  const { promise, resolve } = Promise.withResolvers<OpenedBy>();
  const asked = Promise.withResolvers<void>();
  const { host, transport, session } = start(() => {
    asked.resolve();
    return promise;
  });
  const received = session.receive(register);
  await asked.promise;
  session.end('left');
  resolve(opened);
  await received;
  expect(host.registered).not.toHaveBeenCalled();
  expect(host.ended).toHaveBeenCalledTimes(1);
  expect(transport.send).not.toHaveBeenCalled();
});

it('is entered when its token is known, whatever its clock says', async () => {
  const { host, session } = start(async () => opened);
  await session.receive(register);
  expect(host.registered).toHaveBeenCalledWith(session);
});
