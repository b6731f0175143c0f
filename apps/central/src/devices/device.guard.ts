import { createParamDecorator, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { DEVICE_MAC_HEADER, normaliseMacAddress } from '@rivulet/protocol';
import type { FastifyRequest } from 'fastify';
import type { Device } from './device';
import { DevicesMetrics } from './devices.metrics';

/** The request log names the device, too. */
type DeviceRequest = FastifyRequest & { device?: Device };

/**
 * Authenticates the device that is calling, and nothing else: no database is asked. Nothing behind this guard knows how;
 * today central does not verify the MAC address that a device sends, which is for trials only.
 */
@Injectable()
export class DeviceGuard implements CanActivate {
  constructor(private readonly metrics: DevicesMetrics) {}

  /** @throws RivuletError DEVICE_UNIDENTIFIED · MAC_ADDRESS_INVALID */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<DeviceRequest>();
    try {
      request.device = authenticate(request.headers[DEVICE_MAC_HEADER]);
      return true;
    } catch (error) {
      if (error instanceof RivuletError) this.metrics.refusals.inc({ code: error.code });
      throw error;
    }
  }
}

function authenticate(header: string | string[] | undefined): Device {
  if (typeof header !== 'string' || header.trim() === '') {
    throw new RivuletError('DEVICE_UNIDENTIFIED', 'The request has no X-Device-Mac header.');
  }
  return { macAddress: normaliseMacAddress(header) };
}

/** The device that {@link DeviceGuard} has let in. */
export const CurrentDevice = createParamDecorator((_: unknown, context: ExecutionContext): Device => {
  return context.switchToHttp().getRequest<DeviceRequest>().device!;
});
