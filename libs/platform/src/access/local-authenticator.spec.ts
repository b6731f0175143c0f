import type { FastifyRequest } from 'fastify';
import { LocalAuthenticator } from './local-authenticator';

function callFrom(remoteAddress: string | undefined, headers: Record<string, string>) {
  return new LocalAuthenticator().authenticate({ socket: { remoteAddress }, headers } as FastifyRequest);
}

describe('a caller of this machine', () => {
  it.each([
    ['127.0.0.1', 'localhost:8080'],
    ['127.0.0.1', 'localhost'],
    ['127.8.0.1', '127.0.0.1:8080'],
    ['::1', '[::1]:8080'],
    ['::ffff:127.0.0.1', 'localhost:8080'],
  ])('who calls from %s for %s is let in', (address, host) => {
    expect(callFrom(address, { host })).toMatchObject({ kind: 'local' });
  });

  it.each<[string, string | undefined, Record<string, string>]>([
    ['another machine', '10.0.0.7', { host: 'localhost:8080' }],
    ['another machine, by IPv6', 'fd00::7', { host: 'localhost:8080' }],
    ['another machine, mapped', '::ffff:10.0.0.7', { host: 'localhost:8080' }],
    ['nowhere, as the connection is gone', undefined, { host: 'localhost:8080' }],
    ['a proxy on this machine', '127.0.0.1', { host: 'localhost:8080', 'x-forwarded-for': '10.0.0.7' }],
    ['a proxy of another kind', '127.0.0.1', { host: 'localhost:8080', forwarded: 'for=10.0.0.7' }],
    ['a page with a name of its own', '127.0.0.1', { host: 'rebound.example:8080' }],
    ['a page with a name like ours', '127.0.0.1', { host: 'localhost.example' }],
    ['whoever names no host', '127.0.0.1', {}],
    ['a page of another site', '127.0.0.1', { host: 'localhost:80', origin: 'https://elsewhere.example' }],
    ['a page of nowhere', '127.0.0.1', { host: 'localhost:80', origin: 'null' }],
    ['an image in such a page', '127.0.0.1', { host: 'localhost:80', 'sec-fetch-site': 'cross-site' }],
    ['a page of another port', '127.0.0.1', { host: 'localhost:80', 'sec-fetch-site': 'same-site' }],
  ])('is not %s', (_, address, headers) => {
    expect(() => callFrom(address, headers)).toThrow(expect.objectContaining({ code: 'CALLER_NOT_LOCAL' }));
  });

  it.each(
    [
      'x-forwarded-proto x-forwarded-port x-forwarded-server x-forwarded forwarded-for via x-real-ip x-client-ip',
      'x-cluster-client-ip true-client-ip cf-connecting-ip fastly-client-ip x-azure-clientip x-appengine-user-ip',
      'x-original-forwarded-for x-original-url x-rewrite-url x-envoy-external-address x-forwarded-client-cert',
    ]
      .join(' ')
      .split(' '),
  )('is nobody whose request has %s, which a proxy on this machine adds', (name) => {
    expect(() => callFrom('127.0.0.1', { host: 'localhost', [name]: '10.0.0.7' })).toThrow('through a proxy');
  });

  it('may send what programs send', () => {
    const headers = { 'user-agent': 'x', accept: '*/*', 'x-request-id': 'x', traceparent: 'x', expect: 'x' };
    expect(callFrom('127.0.0.1', { host: 'localhost', ...headers })).toMatchObject({ kind: 'local' });
  });

  it('is a page of the app itself', () => {
    const headers = { host: 'localhost:80', origin: 'http://localhost:80', 'sec-fetch-site': 'same-origin' };
    expect(callFrom('127.0.0.1', headers)).toMatchObject({ kind: 'local' });
  });
});
