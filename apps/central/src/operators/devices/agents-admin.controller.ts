import { Controller, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { AgentTokens } from '../../devices/authentication/agent-tokens';
import { EnrolmentTokens } from '../../devices/enrolment/enrolment-tokens';
import { DeviceRegistry } from '../../devices/registry/device-registry';
import { AuditLog } from '../../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';

const EXPIRES_IN_SECONDS = 900;

class RegistrationTokenDto {
  @ApiProperty({
    description: 'Registers one agent.',
    example: 'rve_Qm9ErTykPrKqmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXB',
  })
  token: string;

  @ApiProperty({ description: 'Until when.', example: '2026-11-27T08:15:30.000Z' })
  expires_at: Date;
}

class AgentTokenDto {
  @ApiProperty({ description: 'ULID.', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' })
  deviceId: string;

  @ApiProperty({
    description: 'Shown this once.',
    example: 'rvt_Qm9ErTykPrKqmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXB',
  })
  token: string;
}

/** Credentials for small agents. */
@ApiTags('agents')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('operator')
@Controller()
export class AgentsAdminController {
  constructor(
    private readonly enrolmentTokens: EnrolmentTokens,
    private readonly agentTokens: AgentTokens,
    private readonly registry: DeviceRegistry,
    private readonly audit: AuditLog,
  ) {}

  @Get('agent/admin')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Make a registration token, for one agent' })
  @ApiOkResponse({ type: RegistrationTokenDto })
  async registrationToken(@CurrentCaller() caller: Caller): Promise<RegistrationTokenDto> {
    const createdBy = caller.operator!.name;
    const order = { kind: 'agent', uses: 1, labels: {}, needsApproval: false, createdBy } as const;
    const made = await this.audit.change(caller, {
      action: 'enrolment-token.create',
      targetKind: 'enrolment-token',
      idOf: ({ tokenId }) => tokenId,
      change: () => this.enrolmentTokens.create({ ...order, expiresInSeconds: EXPIRES_IN_SECONDS }),
    });
    return { token: made.token, expires_at: made.expiresAt };
  }

  @Post('devices/:deviceId/token')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Give an agent a new token, in place of all that it had' })
  @ApiParam({ name: 'deviceId', description: 'ULID', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' })
  @ApiOkResponse({ type: AgentTokenDto })
  @ApiProblems('DEVICE_NOT_REGISTERED')
  async token(@Param('deviceId') id: string, @CurrentCaller() caller: Caller): Promise<AgentTokenDto> {
    const { deviceId } = await this.registry.get(id);
    const token = await this.audit.change(caller, {
      action: 'device.replace-token',
      targetKind: 'device',
      targetId: deviceId,
      change: () => this.agentTokens.replace(deviceId),
      after: () => undefined,
    });
    return { deviceId, token };
  }
}
