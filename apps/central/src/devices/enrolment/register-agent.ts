import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { monotonicFactory } from 'ulid';
import { AgentTokens, issueToken, readCredentials } from '../authentication/agent-tokens';
import { refuseUnserved } from '../authentication/refuse-unserved';
import { DeviceTables } from '../device-tables';
import { spendToken } from './enrolment-tokens';

/** An agent's description of itself. */
export interface AgentDescription {
  name?: string | undefined;
  metadata?: string | undefined;
}

export interface RegisteredAgent {
  deviceId: string;
  /** Undefined for an agent that was registered before, and called with its token. */
  token?: string;
}

/** Enters an agent that has a registration token, and gives it a token of its own. */
@Injectable()
export class RegisterAgent {
  private readonly nextUlid = monotonicFactory();

  constructor(
    private readonly tables: DeviceTables,
    private readonly agentTokens: AgentTokens,
  ) {}

  /**
   * @param authorization - a registration token as Bearer or as the password of Basic, or an agent's own credentials
   * @throws RivuletError DEVICE_UNIDENTIFIED · ENROLMENT_TOKEN_INVALID, and what refuseUnserved throws
   */
  async register(
    authorization: string | undefined,
    { name, metadata }: AgentDescription,
  ): Promise<RegisteredAgent> {
    const credentials = readCredentials(authorization);
    if (credentials === undefined) {
      throw new RivuletError('DEVICE_UNIDENTIFIED', 'The request has no registration token.');
    }
    const known = await this.agentTokens.find(credentials);
    if (known !== undefined) {
      refuseUnserved(known);
      return { deviceId: known.deviceId };
    }
    const digest = hash('sha256', credentials.token, 'buffer');
    return this.tables.transaction(async (transaction) => {
      const { labels, needsApproval } = await spendToken(transaction, digest, 'agent');
      const deviceId = this.nextUlid();
      await transaction.rows(
        `INSERT INTO rivulet.devices (device_id, name, kind, status, labels) VALUES ($1, $2, 'agent', $3, $4)`,
        [
          deviceId,
          name ?? `agent ${deviceId}`,
          needsApproval ? 'pending' : 'active',
          JSON.stringify(metadata === undefined ? labels : { ...labels, metadata }),
        ],
      );
      return { deviceId, token: await issueToken(transaction, deviceId) };
    });
  }
}
