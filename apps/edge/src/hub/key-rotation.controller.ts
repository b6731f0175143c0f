import { Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { CALL_AUTHENTICATION, type CallAuthentication, type RotatedKey } from './call-authentication';
import { HUB_TIMEOUTS } from './call-limits';
import type { HubTimeouts } from './http-hub';
import { RotatedKeyDto } from './key-rotation.dto';

/** Calls of central that a rotation may need: time, token, next key, token. */
const CALLS = 4;

@ApiTags('identity')
@Access('local')
@Controller('identity')
export class KeyRotationController {
  constructor(
    @Inject(CALL_AUTHENTICATION) private readonly authentication: CallAuthentication,
    @Inject(HUB_TIMEOUTS) private readonly timeouts: HubTimeouts,
  ) {}

  @Post('rotate-key')
  @HttpCode(200)
  @ApiOperation({
    summary: "Replace this device's key; the old one is valid until central has seen the new one",
  })
  @ApiOkResponse({ type: RotatedKeyDto })
  @ApiProblems('EDGE_KEY_FIXED', 'EDGE_NOT_ENROLLED', 'CENTRAL_UNREACHABLE', 'CENTRAL_RESPONSE_INVALID')
  @ApiProblems('KEY_ROTATION_INVALID', 'DEVICE_KEY_UNKNOWN', 'DEVICE_KEY_RETIRED', 'CENTRAL_KEY_UNKNOWN')
  @ApiProblems('DEVICE_PENDING', 'DEVICE_REVOKED', 'DEVICE_QUARANTINED', 'SHUTTING_DOWN')
  async rotate(): Promise<RotatedKey> {
    return this.authentication.rotateKey(AbortSignal.timeout(CALLS * this.timeouts.idleTimeoutMs));
  }
}
