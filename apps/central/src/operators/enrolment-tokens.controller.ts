import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { normaliseMacAddress } from '@rivulet/protocol';
import { EnrolmentTokens } from '../devices/enrolment/enrolment-tokens';
import { AuditLog } from '../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../users/audit/current-caller';
import { CreatedEnrolmentTokenDto, EnrolmentTokenDto, NewEnrolmentTokenDto } from './enrolment-tokens.dto';

/** Tokens with which devices enter the registry. */
@ApiTags('enrolment')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('operator')
@Controller('enrolment-tokens')
export class EnrolmentTokensController {
  constructor(
    private readonly tokens: EnrolmentTokens,
    private readonly audit: AuditLog,
  ) {}

  @Post()
  @HttpCode(201)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Make an enrolment token' })
  @ApiCreatedResponse({ type: CreatedEnrolmentTokenDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'MAC_ADDRESS_INVALID')
  async create(
    @Body() order: NewEnrolmentTokenDto,
    @CurrentCaller() caller: Caller,
  ): Promise<CreatedEnrolmentTokenDto> {
    const { macAddress } = order;
    const token = {
      kind: order.kind ?? 'edge',
      uses: order.uses ?? 1,
      expiresInSeconds: order.expiresInSeconds ?? 900,
      macAddress: macAddress === undefined ? undefined : normaliseMacAddress(macAddress),
      labels: order.labels ?? {},
      needsApproval: order.needsApproval ?? isOpen(order),
      createdBy: caller.operator!.name,
    };
    return this.audit.change(caller, {
      action: 'enrolment-token.create',
      targetKind: 'enrolment-token',
      idOf: ({ tokenId }) => tokenId,
      change: () => this.tokens.create(token),
    });
  }

  @Access('viewer')
  @Get()
  @ApiOperation({ summary: 'See the latest enrolment tokens, without their secrets' })
  @ApiOkResponse({ type: [EnrolmentTokenDto] })
  async list(): Promise<EnrolmentTokenDto[]> {
    return this.tokens.list();
  }

  @Delete(':tokenId')
  @ApiOperation({ summary: 'End an enrolment token' })
  @ApiParam({ name: 'tokenId', description: 'ULID', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' })
  @ApiOkResponse({ type: EnrolmentTokenDto })
  @ApiProblems('ENROLMENT_TOKEN_UNKNOWN')
  async revoke(
    @Param('tokenId') tokenId: string,
    @CurrentCaller() caller: Caller,
  ): Promise<EnrolmentTokenDto> {
    return this.audit.change(caller, {
      action: 'enrolment-token.revoke',
      targetKind: 'enrolment-token',
      targetId: tokenId,
      change: () => this.tokens.revoke(tokenId),
    });
  }
}

/** Whoever has such a token may be any device of the data owner. An agent gets no rows by who it says it is. */
function isOpen({ kind = 'edge', macAddress, labels = {} }: NewEnrolmentTokenDto): boolean {
  return kind === 'edge' && macAddress === undefined && Object.keys(labels).length === 0;
}
