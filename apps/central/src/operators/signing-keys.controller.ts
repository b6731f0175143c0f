import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { SigningKeys, type KnownSigningKey, type RotatedSigningKey } from '../signing/signing-keys';
import { AuditLog } from '../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../users/audit/current-caller';
import { RotatedSigningKeyDto, SigningKeyDto } from './signing-keys.dto';

@ApiTags('operators')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('viewer')
@Controller('operators/signing-keys')
export class SigningKeysController {
  constructor(
    private readonly keys: SigningKeys,
    private readonly audit: AuditLog,
  ) {}

  @Get()
  @ApiOperation({ summary: 'The keys that central signs and has signed with, the latest first' })
  @ApiOkResponse({ type: [SigningKeyDto] })
  async list(): Promise<KnownSigningKey[]> {
    return this.keys.list();
  }

  @Access('admin')
  @Post('rotate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Sign with a new key from now on; edges follow by themselves' })
  @ApiOkResponse({ type: RotatedSigningKeyDto })
  async rotate(@CurrentCaller() caller: Caller): Promise<RotatedSigningKey> {
    const rotated = await this.audit.change(caller, {
      action: 'signing-key.rotate',
      targetKind: 'central',
      targetId: 'signing-key',
      change: () => this.keys.replace(),
    });
    await this.keys.begin(rotated);
    return rotated;
  }
}
