import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { EpochService, type RaisedEpoch } from '../device-sync/epoch.service';
import { AuditLog } from '../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../users/audit/current-caller';
import { RaiseEpochDto, RaisedEpochDto } from './epoch.dto';

/** For operators. */
@ApiTags('operators')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED')
@Access('admin')
@Controller('operators/epoch')
export class EpochController {
  constructor(
    private readonly epochs: EpochService,
    private readonly audit: AuditLog,
  ) {}

  @Post('raise')
  @HttpCode(200)
  @ApiOperation({ summary: "Raise the epoch after a restore of central's database" })
  @ApiOkResponse({ type: RaisedEpochDto })
  async raise(@Body() { above }: RaiseEpochDto, @CurrentCaller() caller: Caller): Promise<RaisedEpoch> {
    return this.audit.change(caller, {
      action: 'epoch.raise',
      targetKind: 'central',
      targetId: 'epoch',
      change: () => this.epochs.raise(above),
    });
  }
}
