import { Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '@rivulet/platform';
import { MAC_ADDRESS } from '../identity/mac-address';
import { SyncState } from '../state/sync-state';
import type { SyncResult } from './sync-result';
import { SyncScheduler } from './sync-scheduler';
import { HistoryQueryDto, SyncResultDto, SyncStatusDto } from './sync.dto';
import { SyncService } from './sync.service';

@ApiTags('sync')
@Controller('sync')
export class SyncController {
  constructor(
    private readonly sync: SyncService,
    private readonly scheduler: SyncScheduler,
    private readonly state: SyncState,
    @Inject(MAC_ADDRESS) private readonly macAddress: string,
  ) {}

  @Post('now')
  @HttpCode(200)
  @ApiOperation({ summary: 'Sync now, or join the cycle that is running; answers when it has finished' })
  @ApiOkResponse({
    description: 'The result, also when the cycle failed: see `status`.',
    type: SyncResultDto,
  })
  @ApiProblems('SYNC_IN_PROGRESS', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
  async now(): Promise<SyncResult> {
    return this.sync.sync('operator');
  }

  @Get('status')
  @ApiOperation({ summary: 'What is going on, what the last cycle did, and what each mirror holds' })
  @ApiOkResponse({ type: SyncStatusDto })
  @ApiProblems('DATABASE_UNAVAILABLE')
  async status(): Promise<SyncStatusDto> {
    const { progress, lastResult } = this.sync;
    const { nextRunAt } = this.scheduler;
    return {
      state: progress === undefined ? 'idle' : 'syncing',
      macAddress: this.macAddress,
      ...(progress === undefined ? {} : { progress }),
      ...(lastResult === undefined ? {} : { lastResult }),
      ...(nextRunAt === undefined ? {} : { nextRunAt }),
      mirrors: await this.state.tables(),
    };
  }

  @Get('history')
  @ApiOperation({ summary: 'Finished cycles, the latest first' })
  @ApiOkResponse({ type: [SyncResultDto] })
  @ApiProblems('REQUEST_INVALID', 'DATABASE_UNAVAILABLE')
  async history(@Query() { limit }: HistoryQueryDto): Promise<SyncResult[]> {
    return this.state.history(limit);
  }
}
