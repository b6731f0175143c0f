import { LiveEnv } from '../live.env';
import { listeningHost } from './listening-address';

const host = (settings: Partial<LiveEnv>, hasTls = false): string =>
  listeningHost(Object.assign(new LiveEnv(), settings), hasTls);

it('is every address with TLS, or where tokens may go in the clear, and else this machine alone', () => {
  expect(host({}, true)).toBe('0.0.0.0');
  expect(host({ plaintext: true })).toBe('0.0.0.0');
  expect(host({})).toBe('127.0.0.1');
});

it('is the given one, unless others reach it and tokens would go in the clear', () => {
  expect(host({ agentHost: '192.0.2.1' }, true)).toBe('192.0.2.1');
  expect(host({ agentHost: '192.0.2.1', plaintext: true })).toBe('192.0.2.1');
  for (const own of ['localhost', '127.0.0.9', '::1']) expect(host({ agentHost: own })).toBe(own);
  for (const other of ['0.0.0.0', '::', '192.0.2.1', 'central.example', '127.0.0.1.example'])
    expect(() => host({ agentHost: other })).toThrow('in the clear');
});
