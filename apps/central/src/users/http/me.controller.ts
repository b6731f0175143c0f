import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { RivuletError } from '@rivulet/errors';
import { Access, ApiProblems } from '@rivulet/platform';
import { UserAccounts } from '../accounts/user-accounts';
import { ApiKeys } from '../api-keys/api-keys';
import { AuditLog } from '../audit/audit-log';
import { CurrentCaller, type Caller } from '../audit/current-caller';
import { CurrentOperator, type OperatorPrincipal } from '../operator-principal';
import { CheckPassword } from '../passwords/check-password';
import { includesRole } from '../role';
import { Sessions } from '../sessions/sessions';
import {
  ApiKeyDto,
  CreatedApiKeyDto,
  NewApiKeyDto,
  PasswordChangeDto,
  SessionDto,
  UserDto,
} from './users.dto';
import { refuseApiKey } from './refuse-api-key';

const exampleId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

/** Users' routes for their own account. */
@ApiTags('me')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('viewer')
@Controller('me')
export class MeController {
  constructor(
    private readonly accounts: UserAccounts,
    private readonly passwords: CheckPassword,
    private readonly sessions: Sessions,
    private readonly keys: ApiKeys,
    private readonly audit: AuditLog,
  ) {}

  @Get()
  @ApiOperation({ summary: 'See who is logged in' })
  @ApiOkResponse({ type: UserDto })
  async me(@CurrentOperator() { id }: OperatorPrincipal): Promise<UserDto> {
    return this.accounts.get(id);
  }

  @Post('password')
  @HttpCode(200)
  @ApiOperation({ summary: 'Change the own password; every other session ends' })
  @ApiOkResponse({ type: UserDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'LOGIN_FAILED', 'LOGIN_THROTTLED')
  @ApiProblems('PASSWORD_WEAK', 'SERVER_BUSY')
  async changePassword(
    @CurrentOperator() { id, name, sessionId }: OperatorPrincipal,
    @CurrentCaller() caller: Caller,
    @Body() { currentPassword, newPassword }: PasswordChangeDto,
  ): Promise<UserDto> {
    refuseApiKey(caller.operator);
    await this.passwords.check({ ...caller, login: name, password: currentPassword });
    if (newPassword === currentPassword) {
      throw new RivuletError('PASSWORD_WEAK', 'The new password is the old one.');
    }
    return this.audit.change(caller, {
      action: 'user.password',
      targetKind: 'user',
      targetId: id,
      change: () => this.accounts.setPassword(id, newPassword, { exceptSessionId: sessionId }),
    });
  }

  @Get('sessions')
  @ApiOperation({ summary: 'See the own sessions' })
  @ApiOkResponse({ type: [SessionDto] })
  async listSessions(@CurrentOperator() { id }: OperatorPrincipal): Promise<SessionDto[]> {
    return this.sessions.list(id);
  }

  @Delete('sessions/:sessionId')
  @HttpCode(204)
  @ApiOperation({ summary: 'End a session of one’s own' })
  @ApiParam({ name: 'sessionId', description: 'ULID', example: exampleId })
  @ApiNoContentResponse({ description: 'It has ended.' })
  @ApiProblems('SESSION_UNKNOWN')
  async endSession(
    @CurrentOperator() { id }: OperatorPrincipal,
    @CurrentCaller() caller: Caller,
    @Param('sessionId') sessionId: string,
  ): Promise<void> {
    refuseApiKey(caller.operator);
    await this.audit.change(caller, {
      action: 'session.end',
      targetKind: 'session',
      targetId: sessionId,
      change: () => this.sessions.end(id, sessionId, 'ended'),
    });
  }

  @Get('api-keys')
  @ApiOperation({ summary: 'See the own API keys, without their secrets' })
  @ApiOkResponse({ type: [ApiKeyDto] })
  async listKeys(@CurrentOperator() { id }: OperatorPrincipal): Promise<ApiKeyDto[]> {
    return this.keys.list(id);
  }

  @Post('api-keys')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Make an API key; not with an API key, which would then never end' })
  @ApiCreatedResponse({ type: CreatedApiKeyDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED')
  async createKey(
    @CurrentOperator() { id, role: own }: OperatorPrincipal,
    @CurrentCaller() caller: Caller,
    @Body() { name, role = 'viewer', expiresInDays = 90 }: NewApiKeyDto,
  ): Promise<CreatedApiKeyDto> {
    refuseApiKey(caller.operator);
    if (!includesRole(own, role)) {
      throw new RivuletError('ROLE_INSUFFICIENT', `The role ${role} is higher than yours.`);
    }
    return this.audit.change(caller, {
      action: 'api-key.create',
      targetKind: 'api-key',
      idOf: ({ keyId }) => keyId,
      change: () => this.keys.create({ userId: id, name, role, expiresInDays }),
    });
  }

  @Delete('api-keys/:keyId')
  @ApiOperation({ summary: 'End an API key of one’s own' })
  @ApiParam({ name: 'keyId', description: 'ULID', example: exampleId })
  @ApiOkResponse({ type: ApiKeyDto })
  @ApiProblems('API_KEY_UNKNOWN')
  async revokeKey(
    @CurrentOperator() { id, keyId: ownKeyId }: OperatorPrincipal,
    @CurrentCaller() caller: Caller,
    @Param('keyId') keyId: string,
  ): Promise<ApiKeyDto> {
    if (keyId !== ownKeyId) refuseApiKey(caller.operator);
    return this.audit.change(caller, {
      action: 'api-key.revoke',
      targetKind: 'api-key',
      targetId: keyId,
      change: () => this.keys.revoke(keyId, id),
    });
  }
}
