import { BlockList, isIP } from 'node:net';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { FastifyRequest } from 'fastify';
import { OperatorsMetrics } from './operators.metrics';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** What a proxy on this machine adds to the requests of others. */
const FORWARDING_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

/**
 * Lets in who is on this machine, as long as operators cannot say who they are. A page in a browser there is not let
 * in by a name of its own that it has made point here: the host must be named as a loopback address, or localhost.
 */
@Injectable()
export class LocalOperatorGuard implements CanActivate {
  constructor(private readonly metrics: OperatorsMetrics) {}

  /** @throws RivuletError OPERATOR_LOCAL_ONLY */
  canActivate(context: ExecutionContext): boolean {
    const { socket, headers } = context.switchToHttp().getRequest<FastifyRequest>();
    const isForwarded = FORWARDING_HEADERS.some((name) => headers[name] !== undefined);
    if (!isForwarded && isLoopback(socket.remoteAddress ?? '') && isLocalHost(headers.host ?? ''))
      return true;
    this.metrics.refusals.inc();
    throw new RivuletError(
      'OPERATOR_LOCAL_ONLY',
      isForwarded
        ? 'The request came through a proxy.'
        : `The request came from ${socket.remoteAddress ?? 'nowhere'} for the host "${headers.host ?? ''}".`,
    );
  }
}

function isLocalHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || isLoopback(name);
}

/** IPv4 may come as `::ffff:127.0.0.1`, which BlockList takes for what it is. */
function isLoopback(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && loopback.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
