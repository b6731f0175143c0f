import { createParamDecorator, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { DEVICE_MAC_HEADER, normaliseMacAddress } from '@rivulet/protocol';
import type { FastifyRequest } from 'fastify';
import { ScopeService, type KnownScope } from '../source/scope/scope.service';
import type { Device } from './device';

/** The request log names the device, too. */
type DeviceRequest = FastifyRequest & { device?: Device; knownScope?: KnownScope };

/**
 * Says which device is calling. Nothing behind this guard knows how it was told: today a device is believed
 * the MAC address that it sends, which is for trials only.
 */
@Injectable()
export class DeviceGuard implements CanActivate {
  constructor(private readonly scopes: ScopeService) {}

  /** @throws RivuletError DEVICE_UNIDENTIFIED · MAC_ADDRESS_INVALID · DEVICE_UNKNOWN · DEVICE_INACTIVE */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<DeviceRequest>();
    const header = request.headers[DEVICE_MAC_HEADER];
    if (typeof header !== 'string' || header.trim() === '') {
      throw new RivuletError('DEVICE_UNIDENTIFIED', 'The request has no X-Device-Mac header.');
    }
    const known = await this.scopes.find(normaliseMacAddress(header));
    const { deviceId, macAddress } = known.scope;
    request.device = { deviceId, macAddress };
    request.knownScope = known;
    return true;
  }
}

/** The device that {@link DeviceGuard} has let in. */
export const CurrentDevice = createParamDecorator((_: unknown, context: ExecutionContext): Device => {
  return context.switchToHttp().getRequest<DeviceRequest>().device!;
});

/** What it may see, as of this request. */
export const CurrentScope = createParamDecorator((_: unknown, context: ExecutionContext): KnownScope => {
  return context.switchToHttp().getRequest<DeviceRequest>().knownScope!;
});
