import { Controller, Get, HttpCode, Param, Post, Query, Sse, type MessageEvent } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProduces,
  ApiTags,
} from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import type { Observable } from 'rxjs';
import { AuditLog } from '../../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';
import { RunProgress } from '../runs/run-progress';
import { RunStarter } from '../runs/run-starter';
import { RunStore } from '../runs/run-store';
import { idParam } from './field-rules';
import { RunDetailDto, RunDto, RunQueryDto, toResultDto, toRunDto } from './runs.dto';

/** One execution of a job. */
@ApiTags('collection')
@ApiProblems(
  'REQUEST_INVALID',
  'CALLER_NOT_LOCAL',
  'SHUTTING_DOWN',
  'DATABASE_UNAVAILABLE',
  'COLLECTION_RUN_UNKNOWN',
)
@Access('operator')
@Controller('runs')
export class RunsController {
  constructor(
    private readonly runs: RunStore,
    private readonly starter: RunStarter,
    private readonly progress: RunProgress,
    private readonly audit: AuditLog,
  ) {}

  @Access('viewer')
  @Get(':id')
  @ApiOperation({ summary: 'See a run, and what became of its networks' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: RunDetailDto })
  async find(
    @Param('id') id: string,
    @Query() { state, limit = 1_000, cursor }: RunQueryDto,
  ): Promise<RunDetailDto> {
    const run: Omit<RunDetailDto, 'results'> = toRunDto(await this.runs.get(id));
    const { items, cursor: next } = await this.runs.results(id, { state, limit, cursor });
    return { ...run, results: items.map(toResultDto), ...(next !== undefined && { cursor: next }) };
  }

  @Access('viewer')
  @Sse(':id/events')
  @ApiOperation({ summary: 'Follow a run as server-sent events, until it is over' })
  @ApiParam(idParam)
  @ApiProduces('text/event-stream')
  @ApiProblems('SERVER_BUSY')
  async events(@Param('id') id: string): Promise<Observable<MessageEvent>> {
    return this.progress.follow(id);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel a run; rows that are committed stay' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: RunDto })
  async cancel(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<RunDto> {
    await this.audit.change(caller, {
      action: 'run.cancel',
      targetKind: 'run',
      targetId: id,
      before: () => this.runs.get(id),
      change: () => this.runs.cancel(id),
    });
    return toRunDto(await this.runs.get(id));
  }

  @Post(':id/retry')
  @HttpCode(202)
  @ApiOperation({ summary: 'Start a run of the networks that have failed in this one' })
  @ApiParam(idParam)
  @ApiAcceptedResponse({ type: RunDto })
  @ApiProblems('COLLECTION_JOB_EMPTY')
  async retry(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<RunDto> {
    const runId = await this.audit.change(caller, {
      action: 'run.retry',
      targetKind: 'run',
      targetId: id,
      change: () => this.starter.retry(id),
      after: (started) => ({ runId: started }),
    });
    return toRunDto(await this.runs.get(runId));
  }
}
