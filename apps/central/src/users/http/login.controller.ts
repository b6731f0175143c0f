import { Body, Controller, Header, Headers, HttpCode, Post } from '@nestjs/common';
import {
  ApiExcludeEndpoint,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Access, ApiProblems, OwnLimit, requestInvalid } from '@rivulet/platform';
import { UserAccounts } from '../accounts/user-accounts';
import { AuditLog } from '../audit/audit-log';
import { CurrentCaller, type Caller } from '../audit/current-caller';
import { CurrentOperator, type OperatorPrincipal } from '../operator-principal';
import { CheckPassword } from '../passwords/check-password';
import { Sessions, type IssuedTokens } from '../sessions/sessions';
import type { User } from '../user';
import { LoginDto, RefreshDto, TokensDto } from './login.dto';

/** How operators log in and out. */
@ApiTags('login')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Controller()
export class LoginController {
  constructor(
    private readonly passwords: CheckPassword,
    private readonly sessions: Sessions,
    private readonly accounts: UserAccounts,
    private readonly audit: AuditLog,
  ) {}

  @Post('api/login')
  @OwnLimit()
  @HttpCode(200)
  @Access('public')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Log in with a user name or e-mail address, and a password' })
  @ApiOkResponse({ type: TokensDto })
  @ApiProblems(
    'REQUEST_TOO_LARGE',
    'MEDIA_TYPE_UNSUPPORTED',
    'LOGIN_FAILED',
    'LOGIN_THROTTLED',
    'SERVER_BUSY',
  )
  async login(
    @Body() { username, email, password }: LoginDto,
    @CurrentCaller() caller: Caller,
    @Headers('user-agent') userAgent?: string,
  ): Promise<TokensDto> {
    const login = username ?? email;
    if (login === undefined) throw requestInvalid([{ field: 'username', reason: 'is missing' }]);
    const user = await this.passwords.check({ ...caller, login, password });
    const { userId, username: name } = user;
    const issued = await this.audit.change(caller, {
      action: 'login',
      targetKind: 'user',
      targetId: userId,
      change: () => this.sessions.begin(userId, { address: caller.address, userAgent }),
      after: ({ sessionId }) => ({ sessionId, username: name }),
    });
    return tokensOf(issued, user);
  }

  /** Where the distributed configuration system has it. */
  @Post('login')
  @OwnLimit()
  @HttpCode(200)
  @Access('public')
  @Header('Cache-Control', 'no-store')
  @ApiExcludeEndpoint()
  async sameLogin(
    @Body() login: LoginDto,
    @CurrentCaller() caller: Caller,
    @Headers('user-agent') userAgent?: string,
  ): Promise<TokensDto> {
    return this.login(login, caller, userAgent);
  }

  @Post('token/refresh')
  @HttpCode(200)
  @Access('public')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Get new tokens for a refresh token, which is valid once' })
  @ApiOkResponse({ type: TokensDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'REFRESH_TOKEN_INVALID', 'REFRESH_TOKEN_REUSED')
  async refresh(@Body() { refresh_token }: RefreshDto, @CurrentCaller() caller: Caller): Promise<TokensDto> {
    const issued = await this.sessions.refresh(refresh_token, caller);
    return tokensOf(issued, await this.accounts.get(issued.userId));
  }

  @Post('logout')
  @HttpCode(204)
  @Access('viewer')
  @ApiOperation({ summary: 'End the session of the access token' })
  @ApiNoContentResponse({ description: 'It has ended, or the call was made without one.' })
  async logout(
    @CurrentOperator() { id, sessionId }: OperatorPrincipal,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    if (sessionId === undefined) return;
    await this.audit.change(caller, {
      action: 'logout',
      targetKind: 'session',
      targetId: sessionId,
      change: () => this.sessions.end(id, sessionId, 'logout'),
    });
  }
}

function tokensOf({ accessToken, refreshToken, expiresInSeconds }: IssuedTokens, user: User): TokensDto {
  const { userId, username, email, role } = user;
  return {
    token: accessToken,
    access_token: accessToken,
    refresh_token: refreshToken,
    token_type: 'Bearer',
    expires_in: expiresInSeconds,
    must_change_password: user.mustChangePassword,
    user: { id: userId, username, email, role },
  };
}
