import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '@rivulet/platform';
import { MAC_ADDRESS } from '../identity/mac-address';
import { ScrubService } from '../scrub/scrub.service';
import type { EdgeSyncTable } from '../state/edge-sync-table.entity';
import { ScrubLog } from '../state/scrub-log';
import { SyncState } from '../state/sync-state';
import type { SyncResult } from './sync-result';
import { SyncScheduler } from './sync-scheduler';
import { SyncStatusDto, type MirrorStatusDto } from './sync-status.dto';
import { HistoryQueryDto, SyncBodyDto, SyncResultDto } from './sync.dto';
import { SyncService } from './sync.service';

@ApiTags('sync')
@Controller('sync')
export class SyncController {
  constructor(
    private readonly sync: SyncService,
    private readonly scheduler: SyncScheduler,
    private readonly state: SyncState,
    private readonly scrub: ScrubService,
    private readonly scrubLog: ScrubLog,
    @Inject(MAC_ADDRESS) private readonly macAddress: string,
  ) {}

  @Post('now')
  @HttpCode(200)
  @ApiOperation({ summary: 'Sync now, or join the cycle that is running; answers when it has finished' })
  @ApiBody({ type: SyncBodyDto, required: false })
  @ApiOkResponse({
    description: 'The result, also when the cycle failed: see `status`.',
    type: SyncResultDto,
  })
  @ApiProblems(
    'REQUEST_INVALID',
    'MEDIA_TYPE_UNSUPPORTED',
    'SYNC_IN_PROGRESS',
    'SHUTTING_DOWN',
    'DATABASE_UNAVAILABLE',
  )
  async now(@Body() { confirmDeletes = false }: SyncBodyDto): Promise<SyncResult> {
    return confirmDeletes ? this.sync.syncUnguarded() : this.sync.sync('operator');
  }

  @Get('status')
  @ApiOperation({ summary: 'What is going on, what the last cycle did, and what each mirror holds' })
  @ApiOkResponse({ type: SyncStatusDto })
  @ApiProblems('DATABASE_UNAVAILABLE')
  async status(): Promise<SyncStatusDto> {
    const { lastResult } = this.sync;
    const progress = this.sync.progress ?? this.scrub.progress;
    const { nextRunAt } = this.scheduler;
    const lastVerification = await this.scrubLog.last();
    return {
      state: this.activity(),
      macAddress: this.macAddress,
      ...(progress === undefined ? {} : { progress }),
      ...(lastResult === undefined ? {} : { lastResult }),
      ...(lastVerification === undefined ? {} : { lastVerification }),
      ...(nextRunAt === undefined ? {} : { nextRunAt }),
      mirrors: (await this.state.tables()).map(toMirrorStatus),
    };
  }

  @Get('history')
  @ApiOperation({ summary: 'Finished cycles, the latest first' })
  @ApiOkResponse({ type: [SyncResultDto] })
  @ApiProblems('REQUEST_INVALID', 'DATABASE_UNAVAILABLE')
  async history(@Query() { limit }: HistoryQueryDto): Promise<SyncResult[]> {
    return this.state.history(limit);
  }

  private activity(): SyncStatusDto['state'] {
    if (this.sync.progress !== undefined) return 'syncing';
    return this.scrub.progress === undefined ? 'idle' : 'verifying';
  }
}

function toMirrorStatus(mirror: EdgeSyncTable): MirrorStatusDto {
  const { columns: _columns, key: _key, grants: _grants, onRemove: _onRemove, ...shown } = mirror;
  return shown;
}
