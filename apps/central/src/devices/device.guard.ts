import { createParamDecorator, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { FastifyRequest } from 'fastify';
import { DeviceAuthenticator } from './authentication/device-authenticator';
import type { Device } from './device';
import { DevicesMetrics } from './devices.metrics';

/** The request log names the device, too. */
type DeviceRequest = FastifyRequest & { device?: Device };

/** Authenticates the device that is calling, and nothing else. Nothing behind this guard knows how. */
@Injectable()
export class DeviceGuard implements CanActivate {
  constructor(
    private readonly authenticator: DeviceAuthenticator,
    private readonly metrics: DevicesMetrics,
  ) {}

  /** @throws RivuletError what DeviceAuthenticator throws */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<DeviceRequest>();
    try {
      request.device = await this.authenticator.authenticate(request);
      return true;
    } catch (error) {
      if (error instanceof RivuletError) this.metrics.refusals.inc({ code: error.code });
      throw error;
    }
  }
}

/** The device that {@link DeviceGuard} has let in. */
export const CurrentDevice = createParamDecorator((_: unknown, context: ExecutionContext): Device => {
  return context.switchToHttp().getRequest<DeviceRequest>().device!;
});
