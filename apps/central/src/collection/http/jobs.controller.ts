import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Access, ApiProblems, requestInvalid } from '@rivulet/platform';
import { AuditLog } from '../../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';
import {
  checkSchedule,
  type CollectionJob,
  type HeldNetwork,
  type NewJob,
} from '../definitions/collection-job';
import { JobStore } from '../definitions/job-store';
import { RunStarter } from '../runs/run-starter';
import { RunStore } from '../runs/run-store';
import { idParam } from './field-rules';
import { JobDto, NewJobDto } from './jobs.dto';
import { RunDto, RunPageDto, RunsQueryDto, toRunDto } from './runs.dto';

const LISTED_MAX = 1_000;

/** When schemas are collected from which networks. */
@ApiTags('collection')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('operator')
@Controller('jobs')
export class JobsController {
  constructor(
    private readonly jobs: JobStore,
    private readonly starter: RunStarter,
    private readonly runs: RunStore,
    private readonly audit: AuditLog,
  ) {}

  @Access('viewer')
  @Get()
  @ApiOperation({ summary: 'List the jobs: the first 1,000 by name' })
  @ApiOkResponse({ type: [JobDto] })
  async list(): Promise<JobDto[]> {
    const jobs = await this.jobs.list(LISTED_MAX);
    const held = await this.jobs.heldNetworks(jobs.map(({ jobId }) => jobId));
    return jobs.map((job) => toDto(job, held));
  }

  @Access('viewer')
  @Get(':id')
  @ApiOperation({ summary: 'See a job' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: JobDto })
  @ApiProblems('COLLECTION_JOB_UNKNOWN')
  async find(@Param('id') id: string): Promise<JobDto> {
    return this.show(await this.jobs.get(id));
  }

  @Post()
  @ApiOperation({ summary: 'Create a job' })
  @ApiCreatedResponse({ type: JobDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'COLLECTION_SCHEMA_UNKNOWN')
  async create(@Body() body: NewJobDto, @CurrentCaller() caller: Caller): Promise<JobDto> {
    const job = jobOf(body);
    const created = await this.audit.change(caller, {
      action: 'job.create',
      targetKind: 'job',
      idOf: ({ jobId }) => jobId,
      change: () => this.jobs.create(job),
    });
    return this.show(created);
  }

  @Put(':id')
  @ApiOperation({ summary: 'Replace a job; networks that are held are tried again' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: JobDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'COLLECTION_SCHEMA_UNKNOWN')
  @ApiProblems('COLLECTION_JOB_UNKNOWN')
  async update(
    @Param('id') id: string,
    @Body() body: NewJobDto,
    @CurrentCaller() caller: Caller,
  ): Promise<JobDto> {
    const job = jobOf(body);
    const changed = await this.audit.change(caller, {
      action: 'job.change',
      targetKind: 'job',
      targetId: id,
      before: () => this.jobs.get(id),
      change: () => this.jobs.replace(id, job),
    });
    return this.show(changed);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a job; its runs stay' })
  @ApiParam(idParam)
  @ApiNoContentResponse({ description: 'It is deleted.' })
  @ApiProblems('COLLECTION_JOB_UNKNOWN')
  async remove(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    await this.audit.change(caller, {
      action: 'job.remove',
      targetKind: 'job',
      targetId: id,
      before: () => this.jobs.get(id),
      change: () => this.jobs.remove(id),
    });
  }

  @Post(':id/run')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Run a job now, or once an earlier run is over; networks that are held are tried again',
  })
  @ApiParam(idParam)
  @ApiAcceptedResponse({ type: RunDto })
  @ApiProblems('COLLECTION_JOB_UNKNOWN', 'COLLECTION_JOB_EMPTY')
  async run(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<RunDto> {
    const runId = await this.audit.change(caller, {
      action: 'job.run',
      targetKind: 'job',
      targetId: id,
      change: () => this.starter.start(id),
      after: (started) => ({ runId: started }),
    });
    return toRunDto(await this.runs.get(runId));
  }

  @Access('viewer')
  @Get(':id/runs')
  @ApiOperation({ summary: 'List the runs of a job, the latest first, a page at a time' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: RunPageDto })
  async listRuns(
    @Param('id') id: string,
    @Query() { limit = 50, cursor }: RunsQueryDto,
  ): Promise<RunPageDto> {
    const { items, cursor: next } = await this.runs.ofJob(id, limit, cursor);
    return { runs: items.map(toRunDto), ...(next !== undefined && { cursor: next }) };
  }

  private async show(job: CollectionJob): Promise<JobDto> {
    return toDto(job, await this.jobs.heldNetworks([job.jobId]));
  }
}

/** @throws RivuletError REQUEST_INVALID */
function jobOf(body: NewJobDto): NewJob {
  const { network_id: one, network_ids: many, labels } = body;
  if ([one, many, labels].filter((given) => given !== undefined).length !== 1)
    throw requestInvalid([
      { field: 'network_id', reason: 'or network_ids or labels is needed, and only one of them' },
    ]);
  const { cron, time_zone: timeZone = 'UTC' } = body;
  checkSchedule(cron ?? '* * * * *', timeZone);
  return {
    name: body.name,
    schemaId: body.schema_id,
    networkIds: many ?? (one === undefined ? null : [one]),
    labels: labels ?? null,
    cron: cron ?? null,
    timeZone,
    overlap: body.overlap ?? 'skip',
    misfire: body.misfire ?? 'run_once',
    jitterSeconds: body.jitter_seconds ?? 0,
    deadlineSeconds: body.deadline_seconds ?? 3_600,
    maxParallel: body.max_parallel ?? 20,
    enabled: body.enabled ?? true,
  };
}

function toDto(job: CollectionJob, held: (HeldNetwork & { jobId: string })[]): JobDto {
  return {
    id: job.jobId,
    name: job.name,
    schema_id: job.schemaId,
    network_ids: job.networkIds,
    labels: job.labels,
    cron: job.cron,
    time_zone: job.timeZone,
    overlap: job.overlap,
    misfire: job.misfire,
    jitter_seconds: job.jitterSeconds,
    deadline_seconds: job.deadlineSeconds,
    max_parallel: job.maxParallel,
    enabled: job.enabled,
    next_run_at: job.nextRunAt,
    skipped_runs: job.skipped,
    held: held
      .filter(({ jobId }) => jobId === job.jobId)
      .map(({ networkId, code, message, since }) => ({ network_id: networkId, code, message, since })),
    created_at: job.createdAt,
    updated_at: job.updatedAt,
  };
}
