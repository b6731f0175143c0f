import { Body, Controller, Delete, Get, Header, HttpCode, Param, Patch, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { randomPassword, UserAccounts } from '../accounts/user-accounts';
import { ApiKeys } from '../api-keys/api-keys';
import { AuditLog } from '../audit/audit-log';
import { CurrentCaller, type Caller } from '../audit/current-caller';
import { Sessions } from '../sessions/sessions';
import type { User } from '../user';
import { ApiKeyDto, CreatedUserDto, NewUserDto, SessionDto, UserChangesDto, UserDto } from './users.dto';
import { refuseApiKey } from './refuse-api-key';

const userIdParam = { name: 'userId', description: 'ULID', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' };

/** Users, for admins. */
@ApiTags('users')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('admin')
@Controller()
export class UsersController {
  constructor(
    private readonly accounts: UserAccounts,
    private readonly sessions: Sessions,
    private readonly keys: ApiKeys,
    private readonly audit: AuditLog,
  ) {}

  @Get('users')
  @ApiOperation({ summary: 'List the users' })
  @ApiOkResponse({ type: [UserDto] })
  async list(): Promise<UserDto[]> {
    return this.accounts.list();
  }

  @Post('users')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Make a user, who must change the password at the first login' })
  @ApiCreatedResponse({ type: CreatedUserDto })
  @ApiProblems(
    'REQUEST_TOO_LARGE',
    'MEDIA_TYPE_UNSUPPORTED',
    'USER_NAME_TAKEN',
    'PASSWORD_WEAK',
    'SERVER_BUSY',
  )
  async create(
    @Body() { password: given, ...user }: NewUserDto,
    @CurrentCaller() caller: Caller,
  ): Promise<CreatedUserDto> {
    refuseApiKey(caller.operator);
    const password = given ?? randomPassword();
    const created = await this.audit.change(caller, {
      action: 'user.create',
      targetKind: 'user',
      idOf: ({ userId }: User) => userId,
      change: () => this.accounts.create({ ...user, password, mustChangePassword: true }),
    });
    return given === undefined ? { ...created, password } : created;
  }

  @Get('users/:userId')
  @ApiOperation({ summary: 'See a user' })
  @ApiParam(userIdParam)
  @ApiOkResponse({ type: UserDto })
  @ApiProblems('USER_UNKNOWN')
  async find(@Param('userId') userId: string): Promise<UserDto> {
    return this.accounts.get(userId);
  }

  @Patch('users/:userId')
  @ApiOperation({ summary: 'Change the role or e-mail address of a user, or lock a user out' })
  @ApiParam(userIdParam)
  @ApiOkResponse({ type: UserDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'USER_UNKNOWN', 'USER_NAME_TAKEN', 'LAST_ADMIN')
  async change(
    @Param('userId') userId: string,
    @Body() changes: UserChangesDto,
    @CurrentCaller() caller: Caller,
  ): Promise<UserDto> {
    refuseApiKey(caller.operator);
    return this.audit.change(caller, {
      action: 'user.change',
      targetKind: 'user',
      targetId: userId,
      before: () => this.accounts.get(userId),
      change: () => this.accounts.change(userId, changes),
    });
  }

  @Delete('users/:userId')
  @ApiOperation({ summary: 'Remove a user with all sessions and API keys' })
  @ApiParam(userIdParam)
  @ApiOkResponse({ type: UserDto })
  @ApiProblems('USER_UNKNOWN', 'LAST_ADMIN')
  async remove(@Param('userId') userId: string, @CurrentCaller() caller: Caller): Promise<UserDto> {
    refuseApiKey(caller.operator);
    return this.audit.change(caller, {
      action: 'user.remove',
      targetKind: 'user',
      targetId: userId,
      before: () => this.accounts.get(userId),
      change: () => this.accounts.remove(userId),
      after: () => undefined,
    });
  }

  @Post('users/:userId/password-reset')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Give a user a random password, which must be changed at the next login' })
  @ApiParam(userIdParam)
  @ApiOkResponse({ type: CreatedUserDto })
  @ApiProblems('USER_UNKNOWN', 'SERVER_BUSY')
  async resetPassword(
    @Param('userId') userId: string,
    @CurrentCaller() caller: Caller,
  ): Promise<CreatedUserDto> {
    refuseApiKey(caller.operator);
    const password = randomPassword();
    const user = await this.audit.change(caller, {
      action: 'user.password-reset',
      targetKind: 'user',
      targetId: userId,
      change: () => this.accounts.setPassword(userId, password, { mustChangePassword: true }),
    });
    return { ...user, password };
  }

  @Get('users/:userId/sessions')
  @ApiOperation({ summary: 'See the sessions of a user' })
  @ApiParam(userIdParam)
  @ApiOkResponse({ type: [SessionDto] })
  @ApiProblems('USER_UNKNOWN')
  async listSessions(@Param('userId') userId: string): Promise<SessionDto[]> {
    await this.accounts.get(userId);
    return this.sessions.list(userId);
  }

  @Delete('users/:userId/sessions')
  @ApiOperation({ summary: 'End all sessions of a user' })
  @ApiParam(userIdParam)
  @ApiOkResponse({ type: UserDto })
  @ApiProblems('USER_UNKNOWN')
  async endSessions(@Param('userId') userId: string, @CurrentCaller() caller: Caller): Promise<UserDto> {
    const user = await this.accounts.get(userId);
    await this.audit.change(caller, {
      action: 'user.end-sessions',
      targetKind: 'user',
      targetId: userId,
      change: () => this.sessions.endAll(userId, 'ended'),
      after: (ended) => ({ ended }),
    });
    return user;
  }

  @Get('api-keys')
  @ApiOperation({ summary: 'See the API keys of all users, without their secrets' })
  @ApiOkResponse({ type: [ApiKeyDto] })
  async listKeys(): Promise<ApiKeyDto[]> {
    return this.keys.list();
  }

  @Delete('api-keys/:keyId')
  @ApiOperation({ summary: 'End an API key of any user' })
  @ApiParam({ ...userIdParam, name: 'keyId' })
  @ApiOkResponse({ type: ApiKeyDto })
  @ApiProblems('API_KEY_UNKNOWN')
  async revokeKey(@Param('keyId') keyId: string, @CurrentCaller() caller: Caller): Promise<ApiKeyDto> {
    return this.audit.change(caller, {
      action: 'api-key.revoke',
      targetKind: 'api-key',
      targetId: keyId,
      change: () => this.keys.revoke(keyId),
    });
  }
}
