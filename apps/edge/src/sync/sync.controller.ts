import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import type { SyncResult } from '../state/sync-result';
import { SyncState } from '../state/sync-state';
import { HistoryQueryDto, SyncBodyDto, SyncResultDto } from './sync.dto';
import { SyncService } from './sync.service';

@ApiTags('sync')
@Access('local')
@Controller('sync')
export class SyncController {
  constructor(
    private readonly sync: SyncService,
    private readonly state: SyncState,
  ) {}

  @Post('now')
  @HttpCode(200)
  @ApiOperation({ summary: 'Sync now, or join the running cycle; answers when it has finished' })
  @ApiBody({ type: SyncBodyDto, required: false })
  @ApiOkResponse({
    description: 'The result, also of a cycle that failed: see `status`.',
    type: SyncResultDto,
  })
  @ApiProblems(
    'REQUEST_INVALID',
    'REQUEST_TOO_LARGE',
    'MEDIA_TYPE_UNSUPPORTED',
    'SYNC_IN_PROGRESS',
    'SHUTTING_DOWN',
    'DATABASE_UNAVAILABLE',
    'DATABASE_TABLES_MISSING',
  )
  async now(@Body() { confirmDeletes = false }: SyncBodyDto): Promise<SyncResult> {
    return confirmDeletes ? this.sync.syncUnguarded() : this.sync.sync('operator');
  }

  @Get('history')
  @ApiOperation({ summary: 'Finished cycles, latest first' })
  @ApiOkResponse({ type: [SyncResultDto] })
  @ApiProblems('REQUEST_INVALID', 'DATABASE_UNAVAILABLE', 'DATABASE_TABLES_MISSING')
  async history(@Query() { limit }: HistoryQueryDto): Promise<SyncResult[]> {
    return this.state.history(limit);
  }
}
