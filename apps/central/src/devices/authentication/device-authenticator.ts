import type { Socket } from 'node:net';
import { createParamDecorator, Injectable, type ExecutionContext } from '@nestjs/common';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { Authenticator, Principal, PrincipalRequest } from '@rivulet/platform';
import { DEVICE_MAC_HEADER, normaliseMacAddress } from '@rivulet/protocol';
import type { FastifyRequest } from 'fastify';
import type { Device, KnownDevice } from '../device';
import { DevicesEnv } from '../devices.env';
import { DeviceDirectory } from '../registry/device-directory';
import { Presence } from '../registry/presence';
import { AgentTokens, digestOf, isAgentToken, readCredentials, type AgentCredentials } from './agent-tokens';
import { AccessTokens } from './access-tokens';
import { ClientCertificates, type CertificateCall, type ShownCertificate } from './client-certificates';
import { refuseUnserved } from './refuse-unserved';

type DeviceCall = Pick<FastifyRequest, 'headers' | 'ip'> & Pick<CertificateCall, 'socket'>;

/** The credential that opened a connection that stays open. */
export interface OpenedBy {
  known: KnownDevice;
  /** Thumbprint of the key that the access token is bound to. */
  key?: string;
  /** The digest of the agent's own token. */
  digest?: string;
  /** When the access token ends, by this process's monotonic clock. */
  untilMs?: number;
  certificate?: ShownCertificate;
}

interface DevicePrincipal extends Principal {
  kind: 'device';
  /** The MAC address is null for an agent that has none. */
  device: Omit<Device, 'macAddress'> & { macAddress: string | null };
  /** Undefined for one of a trial that has not been served yet. */
  known?: KnownDevice;
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
    'CLIENT_CERTIFICATE_MISSING',
    'CLIENT_CERTIFICATE_EXPIRED',
    'CLIENT_CERTIFICATE_REVOKED',
    'CLIENT_CERTIFICATE_UNTRUSTED',
    'CLIENT_CERTIFICATE_UNKNOWN',
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
    private readonly certificates: ClientCertificates,
  ) {}

  /**
   * By its access token, or an agent's own token; without one by its client certificate. In a trial also by its MAC address alone, unless it has a key: that must not be got round.
   *
   * @throws RivuletError DEVICE_UNIDENTIFIED · MAC_ADDRESS_INVALID · ACCESS_TOKEN_INVALID · ACCESS_TOKEN_EXPIRED ·
   *   DEVICE_KEY_RETIRED · DEVICE_PENDING · DEVICE_REVOKED · DEVICE_QUARANTINED
   */
  async authenticate(call: DeviceCall): Promise<DevicePrincipal> {
    const known = await this.identify(call);
    if (typeof known === 'string')
      return { kind: 'device', id: known, name: known, device: { macAddress: known } };
    return { kind: 'device', id: known.deviceId, name: known.name, device: known, known };
  }

  /** As authenticate(), where all that it asks is in memory; undefined too of a device that it would refuse. */
  recall(headers: DeviceCall['headers'], address: string): KnownDevice | undefined {
    const known = this.recallBy(headers);
    if (known?.status !== 'active') return undefined;
    this.presence.note(known.deviceId, { address });
    return known;
  }

  /**
   * As authenticate(), for a connection that stays: the device need have no MAC address, and is looked up again by
   * {@link stillServed}.
   *
   * @throws RivuletError as authenticate() does; DEVICE_NOT_REGISTERED
   */
  async open({ headers, ip, socket }: DeviceCall): Promise<OpenedBy> {
    const credentials = readCredentials(headers.authorization);
    if (credentials !== undefined) return this.openWith(credentials);
    const certificate = await this.certificates.find({ headers, socket });
    if (certificate !== undefined) {
      refuseUnserved(certificate.known);
      return { known: certificate.known, certificate };
    }
    const known = await this.identify({ headers, ip, socket });
    if (typeof known !== 'string') return { known };
    throw new RivuletError(
      'DEVICE_NOT_REGISTERED',
      'The device is not registered; its first sync does that.',
    );
  }

  /** By the certificate of a connection; undefined where it has none. @throws RivuletError as open() does */
  async openWithCertificate(socket: Socket): Promise<OpenedBy | undefined> {
    const certificate = await this.certificates.find({ headers: {}, socket });
    if (certificate === undefined) return undefined;
    refuseUnserved(certificate.known);
    return { known: certificate.known, certificate };
  }

  /** By a token in a message. @throws RivuletError as open() does */
  async openWith(credentials: AgentCredentials): Promise<OpenedBy> {
    const known = await this.findBy(credentials);
    refuseUnserved(known);
    const { deviceId, token } = credentials;
    if (deviceId !== undefined || isAgentToken(token)) return { known, digest: digestOf(token) };
    const { jkt, exp } = await this.tokens.verify(token);
    return { known, key: jkt, untilMs: performance.now() + exp * 1_000 - Date.now() };
  }

  /** @throws RivuletError when a connection that was opened may not stay */
  async stillServed({ known: { deviceId }, key, digest, certificate }: OpenedBy): Promise<void> {
    if (certificate !== undefined) this.certificates.stillValid(certificate);
    const known = await this.directory.find(deviceId);
    if (known === undefined)
      throw new RivuletError('ACCESS_TOKEN_INVALID', `Device ${deviceId} has been deleted.`);
    refuseUnserved(known);
    if (key !== undefined && !known.keys.includes(key))
      throw new RivuletError('DEVICE_KEY_RETIRED', `The key ${key} of device ${deviceId} is retired.`);
    if (digest !== undefined && !known.tokens.includes(digest))
      throw new RivuletError('ACCESS_TOKEN_INVALID', `Device ${deviceId} has another token now.`);
  }

  /** @returns the MAC address alone where the registry does not have it */
  private async identify({
    headers,
    ip,
    socket,
  }: DeviceCall): Promise<(KnownDevice & { byCertificate?: boolean }) | string> {
    const credentials = readCredentials(headers.authorization);
    if (credentials !== undefined) return this.admit(await this.findBy(credentials), ip);
    const certificate = await this.certificates.find({ headers, socket });
    if (certificate !== undefined) return { ...this.admit(certificate.known, ip), byCertificate: true };
    if (this.env.auth !== 'mac') throw this.unidentified();
    const macAddress = readMacAddress(headers[DEVICE_MAC_HEADER]);
    const known = await this.directory.findByMac(macAddress);
    if (known === undefined) return macAddress;
    if (known.keys.length === 0) return this.admit(known, ip);
    throw new RivuletError(
      'DEVICE_UNIDENTIFIED',
      `The device ${macAddress} has a key, and is known by it alone.`,
    );
  }

  private recallBy(headers: DeviceCall['headers']): KnownDevice | undefined {
    const credentials = readCredentials(headers.authorization);
    if (credentials === undefined) return this.recallByMac(headers[DEVICE_MAC_HEADER]);
    const { deviceId, token } = credentials;
    if (deviceId !== undefined || isAgentToken(token)) return this.agentTokens.recall(credentials);
    const claims = this.tokens.recall(token);
    const known = claims && this.directory.recall(claims.sub);
    return known?.keys.includes(claims!.jkt) === true ? known : undefined;
  }

  /** Of a trial, where no certificate would come first. */
  private recallByMac(header: string | string[] | undefined): KnownDevice | undefined {
    if (this.env.auth !== 'mac' || this.certificates.isOn || typeof header !== 'string') return undefined;
    const known = this.directory.recallByMac(header);
    return known?.keys.length === 0 ? known : undefined;
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

  private unidentified(): RivuletError {
    return this.certificates.isOn
      ? new RivuletError(
          'CLIENT_CERTIFICATE_MISSING',
          'The request has no access token, and came without a client certificate.',
        )
      : new RivuletError('DEVICE_UNIDENTIFIED', 'The request has no access token of a device.');
  }

  private admit(known: KnownDevice, ip: string): KnownDevice {
    refuseUnserved(known);
    this.presence.note(known.deviceId, { address: ip });
    return known;
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

/** The device that {@link DeviceAuthenticator} has let in, for routes that need its MAC address. @throws RivuletError DEVICE_UNIDENTIFIED */
export const CurrentDevice = createParamDecorator((_: unknown, context: ExecutionContext): Device => {
  const { device } = principalOf(context);
  const { macAddress } = device;
  if (macAddress !== null) return { ...device, macAddress };
  throw new RivuletError(
    'DEVICE_UNIDENTIFIED',
    `Device ${device.deviceId} has no MAC address, which a sync needs.`,
  );
});

/** The same for routes that any device of the registry may call. @throws RivuletError DEVICE_NOT_REGISTERED */
export const CurrentRegisteredDevice = createParamDecorator(
  (_: unknown, context: ExecutionContext): KnownDevice => {
    const { known, name } = principalOf(context);
    if (known !== undefined) return known;
    throw new RivuletError('DEVICE_NOT_REGISTERED', `The device ${name} is not in the registry yet.`);
  },
);

function principalOf(context: ExecutionContext): DevicePrincipal {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest & PrincipalRequest>();
  return principal as DevicePrincipal;
}
