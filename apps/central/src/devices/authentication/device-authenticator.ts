import { createParamDecorator, Injectable, type ExecutionContext } from '@nestjs/common';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { Authenticator, Principal, PrincipalRequest } from '@rivulet/platform';
import { DEVICE_MAC_HEADER, normaliseMacAddress } from '@rivulet/protocol';
import type { FastifyRequest } from 'fastify';
import type { Device, KnownDevice } from '../device';
import { DevicesEnv } from '../devices.env';
import { DeviceDirectory } from '../registry/device-directory';
import { Presence } from '../registry/presence';
import { AgentTokens, isAgentToken, readCredentials, type AgentCredentials } from './agent-tokens';
import { AccessTokens } from './access-tokens';
import { refuseUnserved } from './refuse-unserved';

type DeviceCall = Pick<FastifyRequest, 'headers' | 'ip'>;

interface DevicePrincipal extends Principal {
  kind: 'device';
  device: Device;
}

/** Finds out which device is calling, and nothing else. Nothing behind it knows how. */
@Injectable()
export class DeviceAuthenticator implements Authenticator {
  readonly refusals: readonly ErrorCode[] = [
    'DEVICE_UNIDENTIFIED',
    'MAC_ADDRESS_INVALID',
    'ACCESS_TOKEN_INVALID',
    'ACCESS_TOKEN_EXPIRED',
    'DEVICE_KEY_RETIRED',
    'DEVICE_PENDING',
    'DEVICE_REVOKED',
    'DEVICE_QUARANTINED',
  ];
  readonly scheme = {
    name: 'device',
    definition: {
      type: 'http',
      scheme: 'bearer',
      description: "A device's access token, or the token of a small agent.",
    },
  } as const;

  constructor(
    private readonly env: DevicesEnv,
    private readonly directory: DeviceDirectory,
    private readonly presence: Presence,
    private readonly tokens: AccessTokens,
    private readonly agentTokens: AgentTokens,
  ) {}

  /**
   * By its access token, or an agent's own token. In a trial also by its MAC address alone, unless it has a key: that must not be got round.
   *
   * @throws RivuletError DEVICE_UNIDENTIFIED · MAC_ADDRESS_INVALID · ACCESS_TOKEN_INVALID · ACCESS_TOKEN_EXPIRED ·
   *   DEVICE_KEY_RETIRED · DEVICE_PENDING · DEVICE_REVOKED · DEVICE_QUARANTINED
   */
  async authenticate(call: DeviceCall): Promise<DevicePrincipal> {
    const device = await this.identify(call);
    return {
      kind: 'device',
      id: device.deviceId ?? device.macAddress,
      name: device.name ?? device.macAddress,
      device,
    };
  }

  private async identify({ headers, ip }: DeviceCall): Promise<Device> {
    const credentials = readCredentials(headers.authorization);
    if (credentials !== undefined) return this.admit(await this.findBy(credentials), ip);
    if (this.env.auth !== 'mac') {
      throw new RivuletError('DEVICE_UNIDENTIFIED', 'The request has no access token of a device.');
    }
    const macAddress = readMacAddress(headers[DEVICE_MAC_HEADER]);
    const known = await this.directory.findByMac(macAddress);
    if (known === undefined) return { macAddress };
    if (known.keys.length === 0) return this.admit(known, ip);
    throw new RivuletError(
      'DEVICE_UNIDENTIFIED',
      `The device ${macAddress} has a key, and is known by it alone.`,
    );
  }

  private async findBy(credentials: AgentCredentials): Promise<KnownDevice> {
    const { deviceId, token } = credentials;
    if (deviceId === undefined && !isAgentToken(token)) return this.findByAccessToken(token);
    const known = await this.agentTokens.find(credentials);
    if (known !== undefined) return known;
    throw new RivuletError('ACCESS_TOKEN_INVALID', 'The token is that of no device, or of another one.');
  }

  private async findByAccessToken(token: string): Promise<KnownDevice> {
    const { sub, jkt } = await this.tokens.verify(token);
    const known = await this.directory.find(sub);
    if (known === undefined)
      throw new RivuletError('ACCESS_TOKEN_INVALID', `Device ${sub} has been deleted.`);
    if (known.keys.includes(jkt)) return known;
    throw new RivuletError('DEVICE_KEY_RETIRED', `The key ${jkt} of device ${sub} is retired.`);
  }

  private admit(known: KnownDevice, ip: string): Device {
    refuseUnserved(known);
    const { macAddress } = known;
    if (macAddress === null) {
      throw new RivuletError(
        'DEVICE_UNIDENTIFIED',
        `Device ${known.deviceId} has no MAC address, which a sync needs.`,
      );
    }
    this.presence.note(known.deviceId, { address: ip });
    return { ...known, macAddress };
  }
}

function readMacAddress(header: string | string[] | undefined): string {
  if (typeof header !== 'string' || header.trim() === '') {
    throw new RivuletError(
      'DEVICE_UNIDENTIFIED',
      'The request has neither an access token nor X-Device-Mac.',
    );
  }
  return normaliseMacAddress(header);
}

/** The device that {@link DeviceAuthenticator} has let in. */
export const CurrentDevice = createParamDecorator((_: unknown, context: ExecutionContext): Device => {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest & PrincipalRequest>();
  return (principal as DevicePrincipal).device;
});
