import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { AccessControl, type Principal } from '@rivulet/platform';
import { statementTypes } from '@rivulet/protocol';
import { DeviceAuthenticator } from '../../devices/authentication/device-authenticator';
import type { FastifyRequest } from 'fastify';
import { messageLimits } from '../rules/message-limits';
import { ApplicationTokens } from './application-tokens';
import type { Identity } from '../rules/identity';
import { tokenInvalid } from './token-invalid';

/** A device, or an operator, must show a token again after so long. Whether they are revoked is looked up meanwhile. */
const OWN_LIFE_MS = 5 * 60_000;
const AGENT_TOKEN = /^rvt_/;
const API_KEY = /^rvk_/;
const OPERATOR_TYPE = 'rivulet-operator+jwt';
const OPERATOR_REFUSALS = /^(OPERATOR_|ROLE_INSUFFICIENT|PASSWORD_CHANGE_NEEDED)/;

/** The owner of a token: a user of the data owner's application, a device, or an operator. */
@Injectable()
export class Identities {
  constructor(
    private readonly applications: ApplicationTokens,
    private readonly devices: DeviceAuthenticator,
    private readonly access: AccessControl,
  ) {}

  /** @throws RivuletError REALTIME_TOKEN_INVALID · SERVER_BUSY · DATABASE_UNAVAILABLE */
  async identify(token: string, address: string): Promise<Identity> {
    if (token.length > messageLimits.maxTokenCharacters) throw tokenInvalid('It is too long.');
    const type = typeOf(token);
    if (AGENT_TOKEN.test(token) || type === statementTypes.access) return this.identifyDevice(token, address);
    if (API_KEY.test(token) || type === OPERATOR_TYPE) return this.identifyOperator(token, address);
    return this.applications.verify(token);
  }

  private async identifyOperator(token: string, address: string): Promise<Identity> {
    try {
      const call = { headers: { authorization: `Bearer ${token}` }, ip: address, routeOptions: {} };
      const authenticate = async (): Promise<Principal> =>
        this.access.of('viewer').authenticate(call as FastifyRequest, 'viewer');
      const principal = await authenticate();
      const userId = `operator:${principal.id}`;
      const { role } = principal as { role?: string };
      const claims = { sub: userId, kind: 'operator', name: principal.name, role };
      const stillServed = async (): Promise<void> => void (await authenticate());
      return { kind: 'operator', userId, claims, expiresAtMs: Date.now() + OWN_LIFE_MS, stillServed };
    } catch (error) {
      if (error instanceof RivuletError && OPERATOR_REFUSALS.test(error.code))
        throw tokenInvalid(error.message);
      throw error;
    }
  }

  private async identifyDevice(token: string, address: string): Promise<Identity> {
    try {
      const call = { headers: { authorization: `Bearer ${token}` }, ip: address };
      const opened = await this.devices.open(call);
      const { deviceId, macAddress, name } = opened.known;
      const userId = `device:${deviceId}`;
      const claims = { sub: userId, kind: 'device', device_id: deviceId, mac_address: macAddress, name };
      const stillServed = (): Promise<void> => this.devices.stillServed(opened);
      return { kind: 'device', userId, claims, expiresAtMs: Date.now() + OWN_LIFE_MS, stillServed };
    } catch (error) {
      if (error instanceof RivuletError && /^(ACCESS_TOKEN|DEVICE)_/.test(error.code))
        throw tokenInvalid(error.message);
      throw error;
    }
  }
}

/** The type that a JWS claims, before any of it is verified: it only chooses who verifies it. */
function typeOf(token: string): unknown {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.', 1)[0]!, 'base64url').toString());
    return (header as { typ?: unknown } | null)?.typ;
  } catch {
    return undefined;
  }
}
