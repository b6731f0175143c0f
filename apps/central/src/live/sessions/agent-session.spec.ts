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
  const transport = {
    kind: 'tcp',
    address: '',
    waitingBytes: 0,
    send: jest.fn(),
    close: jest.fn(),
    destroy: jest.fn(),
  };
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

const now = (): number => performance.now();

function openedUntil(untilMs: number): OpenedBy {
  return { ...opened, untilMs };
}

describe('is ended', () => {
  it('when it has not registered in time, or falls silent for three heartbeats, or reads nothing', async () => {
    const late = start(async () => opened);
    late.session.check(now() + 9_000);
    expect(late.host.ended).not.toHaveBeenCalled();
    late.session.check(now() + 10_500);
    expect(late.transport.send).toHaveBeenCalledWith(expect.stringContaining('AGENT_UNREGISTERED'));

    const silent = start(async () => opened);
    await silent.session.receive(register);
    silent.session.check(now() + 14_000);
    expect(silent.host.ended).not.toHaveBeenCalled();
    silent.session.check(now() + 15_500);
    expect(silent.host.ended).toHaveBeenCalledWith(silent.session, 'silent');
    expect(silent.transport.destroy).toHaveBeenCalled();

    const slow = start(async () => opened);
    await slow.session.receive(register);
    slow.transport.waitingBytes = 1024 * 1024 + 1;
    slow.session.check(now());
    expect(slow.host.ended).toHaveBeenCalledWith(slow.session, 'slow');
    expect(slow.transport.destroy).toHaveBeenCalled();
  });

  it('with the token that opened it, unless it has registered with a later one', async () => {
    const tokens = [openedUntil(now() + 1_000), openedUntil(now() + 8_000)];
    const { host, session, transport } = start(async () => tokens.shift()!);
    await session.receive(register);
    await session.receive(register);
    session.check(now() + 2_000);
    expect(host.ended).not.toHaveBeenCalled();
    session.check(now() + 9_000);
    expect(transport.send).toHaveBeenLastCalledWith(expect.stringContaining('ACCESS_TOKEN_EXPIRED'));
    expect(host.ended).toHaveBeenCalledTimes(1);
  });
});
