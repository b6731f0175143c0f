import { Body, Controller, Get, Header, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems, OwnLimit } from '@rivulet/platform';
import { statementTypes, type TimeStatement } from '@rivulet/protocol';
import { SigningKey } from '../../signing/signing-key';
import { SigningKeys } from '../../signing/signing-keys';
import { EnrolEdge } from '../enrolment/enrol-edge';
import { RotateKey } from '../enrolment/rotate-key';
import { AcceptAssertion } from '../authentication/accept-assertion';
import { AccessTokens } from '../authentication/access-tokens';
import {
  AccessTokenDto,
  EnrolmentDto,
  EnrolmentRequestDto,
  KeyChainDto,
  KeyChainQueryDto,
  KeyRotationDto,
  NonceDto,
  StatementDto,
  TokenRequestDto,
} from './device-auth.dto';

/** How a device becomes known, and shows that it is. What it sends here is a proof by itself. */
@ApiTags('device authentication')
@ApiProblems('REQUEST_INVALID', 'DATABASE_UNAVAILABLE', 'SHUTTING_DOWN')
@Access('public')
@Controller('device-auth')
export class DeviceAuthController {
  constructor(
    private readonly enrolments: EnrolEdge,
    private readonly rotations: RotateKey,
    private readonly assertions: AcceptAssertion,
    private readonly tokens: AccessTokens,
    private readonly signingKey: SigningKey,
    private readonly signingKeys: SigningKeys,
  ) {}

  @Post('enrol')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: "Enter a device's key with an enrolment token; may be repeated" })
  @ApiOkResponse({ type: EnrolmentDto })
  @ApiProblems(
    'REQUEST_TOO_LARGE',
    'MEDIA_TYPE_UNSUPPORTED',
    'ENROLMENT_INVALID',
    'SIGNATURE_ALGORITHM_REFUSED',
  )
  @ApiProblems(
    'ENROLMENT_TOKEN_INVALID',
    'ENROLMENT_TOKEN_FOREIGN',
    'DEVICE_MAC_TAKEN',
    'MAC_ADDRESS_INVALID',
  )
  @ApiProblems('DEVICE_KEY_UNKNOWN', 'DEVICE_KEY_RETIRED')
  async enrol(@Body() { proof, token }: EnrolmentRequestDto): Promise<EnrolmentDto> {
    return this.enrolments.enrol(proof, token);
  }

  @Post('token')
  @OwnLimit()
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Get an access token for an assertion that the device has signed' })
  @ApiOkResponse({ type: AccessTokenDto })
  @ApiProblems(
    'REQUEST_TOO_LARGE',
    'MEDIA_TYPE_UNSUPPORTED',
    'ASSERTION_INVALID',
    'SIGNATURE_ALGORITHM_REFUSED',
  )
  @ApiProblems('ASSERTION_OUT_OF_TIME', 'ASSERTION_REPLAYED', 'DEVICE_KEY_UNKNOWN', 'DEVICE_KEY_RETIRED')
  @ApiProblems('DEVICE_PENDING', 'DEVICE_REVOKED', 'DEVICE_QUARANTINED')
  async token(@Body() { assertion }: TokenRequestDto): Promise<AccessTokenDto> {
    const { deviceId, thumbprint } = await this.assertions.accept(assertion);
    const { token, expiresInSeconds } = await this.tokens.issue(deviceId, thumbprint);
    return { access_token: token, token_type: 'Bearer', expires_in: expiresInSeconds };
  }

  @Post('keys')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: "Name the key that takes the place of the device's own at its first use; may be repeated",
  })
  @ApiOkResponse({ type: StatementDto })
  @ApiProblems(
    'REQUEST_TOO_LARGE',
    'MEDIA_TYPE_UNSUPPORTED',
    'KEY_ROTATION_INVALID',
    'ASSERTION_INVALID',
    'SIGNATURE_ALGORITHM_REFUSED',
  )
  @ApiProblems('ASSERTION_OUT_OF_TIME', 'ASSERTION_REPLAYED', 'DEVICE_KEY_UNKNOWN', 'DEVICE_KEY_RETIRED')
  @ApiProblems('DEVICE_PENDING', 'DEVICE_REVOKED', 'DEVICE_QUARANTINED')
  async rotate(@Body() { rotation }: KeyRotationDto): Promise<StatementDto> {
    return { statement: await this.rotations.rotate(rotation) };
  }

  @Get('time')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: "Learn central's time, signed: the clock of a device may be decades off" })
  @ApiOkResponse({ type: StatementDto })
  async time(@Query() { nonce }: NonceDto): Promise<StatementDto> {
    const { centralId } = this.signingKey;
    const content: TimeStatement = { centralId, nonce, issuedAt: new Date().toISOString() };
    return { statement: await this.signingKey.sign(statementTypes.time, content) };
  }

  @Get('central-keys')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Learn which keys of central have followed one, each by the word of the one before',
  })
  @ApiOkResponse({ type: KeyChainDto })
  async keyChain(@Query() { from }: KeyChainQueryDto): Promise<KeyChainDto> {
    return { statements: await this.signingKeys.chainFrom(from) };
  }
}
