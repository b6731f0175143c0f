import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
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
@Controller('operators')
export class EpochController {
  constructor(
    private readonly epochs: EpochService,
    private readonly audit: AuditLog,
  ) {}

  @Post('restore')
  @HttpCode(200)
  @ApiOperation({ summary: 'Tell central that its database was restored: the epoch rises' })
  @ApiOkResponse({ type: RaisedEpochDto })
  async restored(@Body() { above }: RaiseEpochDto, @CurrentCaller() caller: Caller): Promise<RaisedEpoch> {
    return this.audit.change(caller, {
      action: 'epoch.raise',
      targetKind: 'central',
      targetId: 'epoch',
      change: () => this.epochs.raise(above),
    });
  }

  /** The same, by its former path. */
  @Post('epoch/raise')
  @HttpCode(200)
  @ApiExcludeEndpoint()
  async raise(@Body() body: RaiseEpochDto, @CurrentCaller() caller: Caller): Promise<RaisedEpoch> {
    return this.restored(body, caller);
  }
}
