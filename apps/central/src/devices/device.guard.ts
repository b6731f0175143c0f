import { createParamDecorator, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { DEVICE_MAC_HEADER, normaliseMacAddress, RivuletError } from '@rivulet/protocol';
import { inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import type { FastifyRequest } from 'fastify';
import { SourceDatabase } from '../database/source-database';
import { DatasetCatalogue } from '../datasets/dataset-catalogue';
import { resolveScope } from '../scope/resolve-scope';
import type { Device } from './device';

type DeviceRequest = FastifyRequest & { device?: Device };

/**
 * Says which device is calling. Nothing behind this guard knows how it was told: today a device is believed
 * the MAC address that it sends, which is for trials only.
 */
@Injectable()
export class DeviceGuard implements CanActivate {
  constructor(
    private readonly source: SourceDatabase,
    private readonly catalogue: DatasetCatalogue,
  ) {}

  /** @throws RivuletError DEVICE_UNIDENTIFIED · MAC_ADDRESS_INVALID · DEVICE_UNKNOWN · DEVICE_INACTIVE */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<DeviceRequest>();
    const header = request.headers[DEVICE_MAC_HEADER];
    if (typeof header !== 'string' || header.trim() === '') {
      throw new RivuletError('DEVICE_UNIDENTIFIED', 'The request has no X-Device-Mac header.');
    }
    request.device = await this.authenticate(normaliseMacAddress(header));
    return true;
  }

  private async authenticate(macAddress: string): Promise<Device> {
    const limits = {
      readOnly: true,
      statementTimeoutMs: 10_000,
      lockTimeoutMs: 5_000,
      idleTimeoutMs: 10_000,
    };
    const scope = await withClient(this.source.pool, (client) =>
      inTransaction(client, limits, async () => {
        await useCanonicalSettings(client);
        return resolveScope(client, this.catalogue.scope, macAddress);
      }),
    );
    return { deviceId: scope.deviceId, macAddress };
  }
}

/** The device that {@link DeviceGuard} has let in. */
export const CurrentDevice = createParamDecorator((_: unknown, context: ExecutionContext): Device => {
  return context.switchToHttp().getRequest<DeviceRequest>().device!;
});
