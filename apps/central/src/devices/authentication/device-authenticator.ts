import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { DEVICE_MAC_HEADER, normaliseMacAddress } from '@rivulet/protocol';
import type { FastifyRequest } from 'fastify';
import type { Device, KnownDevice } from '../device';
import { DeviceDirectory } from '../registry/device-directory';
import { Presence } from '../registry/presence';
import { refuseUnserved } from './refuse-unserved';

type DeviceCall = Pick<FastifyRequest, 'headers' | 'ip'>;

/** Finds out which device is calling. */
@Injectable()
export class DeviceAuthenticator {
  constructor(
    private readonly directory: DeviceDirectory,
    private readonly presence: Presence,
  ) {}

  /** @throws RivuletError DEVICE_UNIDENTIFIED · MAC_ADDRESS_INVALID · DEVICE_PENDING · DEVICE_REVOKED · DEVICE_QUARANTINED */
  async authenticate({ headers, ip }: DeviceCall): Promise<Device> {
    const macAddress = readMacAddress(headers[DEVICE_MAC_HEADER]);
    const known = await this.directory.findByMac(macAddress);
    if (known === undefined) return { macAddress };
    return this.admit(known, macAddress, ip);
  }

  private admit(known: KnownDevice, macAddress: string, ip: string): Device {
    refuseUnserved(known);
    this.presence.note(known.deviceId, { address: ip });
    return { ...known, macAddress };
  }
}

function readMacAddress(header: string | string[] | undefined): string {
  if (typeof header !== 'string' || header.trim() === '') {
    throw new RivuletError('DEVICE_UNIDENTIFIED', 'The request has no X-Device-Mac header.');
  }
  return normaliseMacAddress(header);
}
