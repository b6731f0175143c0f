import type { ExecutionContext } from '@nestjs/common';
import { Registry } from 'prom-client';
import { LocalOperatorGuard } from './local-operator.guard';
import { OperatorsMetrics } from './operators.metrics';

function isLetIn(remoteAddress: string | undefined, headers: Record<string, string>): boolean {
  const request = { socket: { remoteAddress }, headers };
  const context = { switchToHttp: () => ({ getRequest: () => request }) } as unknown as ExecutionContext;
  return new LocalOperatorGuard(new OperatorsMetrics(new Registry())).canActivate(context);
}

describe('an operator', () => {
  it.each([
    ['127.0.0.1', 'localhost:8080'],
    ['127.0.0.1', 'localhost'],
    ['127.8.0.1', '127.0.0.1:8080'],
    ['::1', '[::1]:8080'],
    ['::ffff:127.0.0.1', 'localhost:8080'],
  ])('who calls from %s for %s is let in', (address, host) => {
    expect(isLetIn(address, { host })).toBe(true);
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
  ])('is not %s', (_, address, headers) => {
    expect(() => isLetIn(address, headers)).toThrow(expect.objectContaining({ code: 'OPERATOR_LOCAL_ONLY' }));
  });
});
