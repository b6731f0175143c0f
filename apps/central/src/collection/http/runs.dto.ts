import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { IsIn } from 'class-validator';
import {
  runCauses,
  runStates,
  taskStates,
  type CollectionRun,
  type NetworkResult,
  type RunCause,
  type RunState,
  type TaskState,
} from '../runs/collection-run';
import { exampleTime, exampleUlid, IsPageSize, IsUlid } from './field-rules';

const exampleDigest = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

export class RunsQueryDto {
  @ApiPropertyOptional({
    description: 'Runs on a page.',
    default: 50,
    minimum: 1,
    maximum: 500,
    type: Number,
  })
  @Omittable()
  @IsPageSize(500)
  limit?: number;

  @ApiPropertyOptional({
    description: 'The cursor of the page before, for the next one.',
    example: exampleUlid,
  })
  @Omittable()
  @IsUlid()
  cursor?: string;
}

export class RunQueryDto {
  @ApiPropertyOptional({ description: 'Only networks in this state.', enum: taskStates })
  @Omittable()
  @IsIn(taskStates)
  state?: TaskState;

  @ApiPropertyOptional({
    description: 'Networks on a page.',
    default: 1_000,
    minimum: 1,
    maximum: 1_000,
    type: Number,
  })
  @Omittable()
  @IsPageSize(1_000)
  limit?: number;

  @ApiPropertyOptional({
    description: 'The cursor of the page before, for the next one.',
    example: exampleUlid,
  })
  @Omittable()
  @IsUlid()
  cursor?: string;
}

export class NetworkCountsDto implements Record<TaskState, number> {
  @ApiProperty({ description: 'Networks that have not asked for it yet.', example: 1 })
  waiting: number;

  @ApiProperty({ description: 'Networks that are working on it.', example: 1 })
  active: number;

  @ApiProperty({ description: 'Networks whose rows are committed and proved.', example: 3 })
  succeeded: number;

  @ApiProperty({ description: 'Networks that have failed.', example: 0 })
  failed: number;

  @ApiProperty({ description: 'Networks that were not done when the run was cancelled.', example: 0 })
  cancelled: number;
}

export class RunDto {
  @ApiProperty({ description: 'ULID.', example: exampleUlid })
  id: string;

  @ApiProperty({ description: 'Its job.', example: exampleUlid })
  job_id: string;

  @ApiProperty({ description: 'Its schema.', example: exampleUlid })
  schema_id: string;

  @ApiProperty({ description: 'The cause of the run.', enum: runCauses })
  cause: RunCause;

  @ApiProperty({ description: 'How far it is. `partial`: some networks have failed.', enum: runStates })
  state: RunState;

  @ApiProperty({ description: 'Its time in the schedule.', example: exampleTime, nullable: true, type: Date })
  scheduled_for: Date | null;

  @ApiProperty({ description: 'When networks that are not done will have failed.', example: exampleTime })
  deadline_at: Date;

  @ApiProperty({ description: 'When it was created.', example: exampleTime })
  created_at: Date;

  @ApiProperty({ description: 'When it began.', example: exampleTime, nullable: true, type: Date })
  started_at: Date | null;

  @ApiProperty({ description: 'When it ended.', example: exampleTime, nullable: true, type: Date })
  finished_at: Date | null;

  @ApiProperty({ description: 'Its networks, by state.', type: NetworkCountsDto })
  networks: NetworkCountsDto;

  @ApiProperty({ description: 'Rows of its networks.', example: 1_200 })
  rows: number;

  @ApiProperty({ description: 'Bytes of these rows.', example: 96_000 })
  bytes: number;

  @ApiProperty({
    description: 'Compressed bytes that were sent for them: what was known already does not travel.',
    example: 31_000,
  })
  sent_bytes: number;
}

export class RunPageDto {
  @ApiProperty({ description: 'The latest first.', type: [RunDto] })
  runs: RunDto[];

  @ApiPropertyOptional({
    description: 'For the next page; missing when this is the last one.',
    example: exampleUlid,
  })
  cursor?: string;
}

export class RunErrorDto {
  @ApiProperty({ description: 'One of docs/error-codes.md.', example: 'COLLECTION_QUERY_FAILED' })
  code: string;

  @ApiProperty({ description: 'The reason.', example: 'relation "users" does not exist' })
  message: string;

  @ApiProperty({
    description: 'The next step.',
    example: 'Read the message and correct the query of the schema.',
  })
  next_step: string;
}

export class NetworkResultDto {
  @ApiProperty({ description: 'The network.', example: exampleUlid })
  network_id: string;

  @ApiProperty({ description: 'How far it is.', enum: taskStates })
  state: TaskState;

  @ApiProperty({ description: 'How often it took the task.', example: 1 })
  attempts: number;

  @ApiProperty({ description: 'Its rows.', example: 400 })
  rows: number;

  @ApiProperty({ description: 'Their bytes.', example: 32_000 })
  bytes: number;

  @ApiProperty({ description: 'Compressed bytes that it has sent.', example: 10_000 })
  sent_bytes: number;

  @ApiProperty({ description: 'From when it took the task.', example: 1_250, nullable: true, type: Number })
  duration_ms: number | null;

  @ApiProperty({
    description: 'The checksum of its rows.',
    example: exampleDigest,
    nullable: true,
    type: String,
  })
  digest: string | null;

  @ApiProperty({
    description: "Central's signed word that the rows are committed.",
    example: null,
    nullable: true,
    type: String,
  })
  receipt: string | null;

  @ApiProperty({ description: 'Why it has failed.', nullable: true, type: RunErrorDto })
  error: RunErrorDto | null;
}

export class RunDetailDto extends RunDto {
  @ApiProperty({ description: 'Its networks by ID, a page at a time.', type: [NetworkResultDto] })
  results: NetworkResultDto[];

  @ApiPropertyOptional({
    description: 'For the next page of results; missing on the last one.',
    example: exampleUlid,
  })
  cursor?: string;
}

export function toRunDto(run: CollectionRun): RunDto {
  return {
    id: run.runId,
    job_id: run.jobId,
    schema_id: run.schemaId,
    cause: run.cause,
    state: run.state,
    scheduled_for: run.scheduledFor,
    deadline_at: run.deadlineAt,
    created_at: run.createdAt,
    started_at: run.startedAt,
    finished_at: run.finishedAt,
    networks: run.networks,
    rows: run.rows,
    bytes: run.bytes,
    sent_bytes: run.sentBytes,
  };
}

export function toResultDto(result: NetworkResult): NetworkResultDto {
  const { startedAt, finishedAt, errorCode: code } = result;
  return {
    network_id: result.networkId,
    state: result.state,
    attempts: result.attempts,
    rows: result.rows,
    bytes: result.bytes,
    sent_bytes: result.sentBytes,
    duration_ms: startedAt && (finishedAt ?? new Date()).getTime() - startedAt.getTime(),
    digest: result.digest,
    receipt: result.receipt,
    error:
      code === null ? null : { code, message: result.errorMessage ?? '', next_step: result.nextStep ?? '' },
  };
}
