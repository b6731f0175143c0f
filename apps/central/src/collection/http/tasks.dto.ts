import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import {
  CHUNK_SPANS_MAX_LENGTH,
  type CollectionDemand,
  type CollectionTask,
  type CollectionTasks,
} from '@rivulet/protocol';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsInt,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { exampleTime, exampleUlid } from './field-rules';

const exampleDigest = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
/** 20,000 digests of 32 bytes, as base64. */
const DIGESTS_MAX_LENGTH = 853_336;

export class WatermarkDto {
  @ApiProperty({ description: 'The column.', example: 'updated_at' })
  column: string;

  @ApiProperty({
    description: 'The highest value that is committed; missing before the first run.',
    example: '2026-11-27 08:15:30+00',
  })
  after?: string;

  @ApiProperty({ description: 'How far below it the query begins.', example: 300 })
  overlap: number;
}

export class CollectionTaskDto implements CollectionTask {
  @ApiProperty({ description: 'ULID of the run.', example: exampleUlid })
  runId: string;

  @ApiProperty({ description: 'The name of the schema.', example: 'User Data Sync' })
  name: string;

  @ApiProperty({ description: 'The query.', example: 'SELECT * FROM users WHERE updated_at > ?' })
  query: string;

  @ApiProperty({ description: 'How rows are taken.', enum: ['mirror', 'append', 'snapshot'] })
  mode: CollectionTask['mode'];

  @ApiProperty({ description: 'The key.', example: ['id'], type: [String] })
  key: string[];

  @ApiProperty({ description: 'One if the query has `?`.', type: [WatermarkDto] })
  watermark: WatermarkDto[];

  @ApiProperty({
    description: 'Of a mirror: the checksum of what is committed of this network.',
    example: exampleDigest,
    required: false,
  })
  base?: string;

  @ApiProperty({ description: 'Of a scheduled snapshot: the job.', example: exampleUlid, required: false })
  jobId?: string;

  @ApiProperty({ description: 'Of a scheduled snapshot: its time.', example: exampleTime, required: false })
  scheduledFor?: string;
}

export class CollectionTasksDto implements CollectionTasks {
  @ApiProperty({ description: 'The tasks that are due now: one at most.', type: [CollectionTaskDto] })
  tasks: CollectionTaskDto[];

  @ApiProperty({ description: 'When to ask again.', example: 10 })
  pollAfterSeconds: number;

  @ApiProperty({ description: 'The time at central.', example: exampleTime })
  now: string;

  @ApiProperty({
    description:
      'A signed schedule (`rivulet-collection-schedule`), where it differs from the one that is named.',
    example: 'eyJhbGciOi…',
    required: false,
  })
  schedule?: string;
}

export class TasksQueryDto {
  @ApiPropertyOptional({
    description:
      'SHA-256 of the payload of the schedule that the network has, empty for none. Left out: it keeps no schedule.',
    example: exampleDigest,
  })
  @Omittable()
  @Matches(/^([0-9a-f]{64})?$/, { message: 'must be a SHA-256 in hex, or empty' })
  schedule?: string;
}

export class OfferedColumnDto {
  @ApiProperty({ description: 'The name.', example: 'id' })
  @MaxLength(63)
  @MinLength(1)
  @IsString()
  name: string;

  @ApiProperty({ description: 'The type, as in a manifest.', example: 'bigint' })
  @MaxLength(200)
  @MinLength(1)
  @IsString()
  type: string;
}

export class CollectionOfferDto {
  @ApiProperty({ description: 'The columns, those of the key first.', type: [OfferedColumnDto] })
  @Type(() => OfferedColumnDto)
  @ValidateNested({ each: true })
  @ArrayMaxSize(1_500)
  @ArrayMinSize(1)
  @IsArray()
  columns: OfferedColumnDto[];

  @ApiProperty({ description: 'How many rows there are.', example: 400 })
  @Max(Number.MAX_SAFE_INTEGER)
  @Min(0)
  @IsInt()
  rows: number;

  @ApiProperty({ description: 'Bytes of the canonical rows.', example: 32_000 })
  @Max(Number.MAX_SAFE_INTEGER)
  @Min(0)
  @IsInt()
  bytes: number;

  @ApiProperty({
    description:
      'The SHA-256 of each chunk, one behind the other, as base64; with `base` of new chunks alone.',
    example: '',
  })
  @Matches(/^[A-Za-z0-9+/]*={0,2}$/, { message: 'must be base64' })
  @MaxLength(DIGESTS_MAX_LENGTH)
  @IsString()
  digests: string;

  @ApiProperty({ description: 'The checksum of the table.', example: exampleDigest })
  @Matches(/^[0-9a-f]{64}$/, { message: 'must be a SHA-256 in hex' })
  checksum: string;

  @ApiProperty({
    description: 'The checksum of the committed rows that the offer differs from.',
    example: exampleDigest,
    required: false,
  })
  @ValidateIf(({ base, spans }: CollectionOfferDto) => base !== undefined || spans !== undefined)
  @Matches(/^[0-9a-f]{64}$/, { message: 'must be a SHA-256 in hex' })
  base?: string;

  @ApiProperty({
    description: 'Which of their chunks are replaced: position, number of them, number of new ones.',
    example: '12:1:1,80:2:1',
    required: false,
  })
  @ValidateIf(({ base, spans }: CollectionOfferDto) => base !== undefined || spans !== undefined)
  @Matches(/^[\d:,]*$/, { message: 'must be spans' })
  @MaxLength(CHUNK_SPANS_MAX_LENGTH)
  spans?: string;
}

export class CollectionDemandDto implements CollectionDemand {
  @ApiProperty({
    description: 'Positions of chunks that are to be sent. Empty: commit.',
    example: '0-99,120-120',
  })
  missing: string;

  @ApiProperty({
    description: 'How many chunks are to be sent: `missing` may not have room for all.',
    example: 101,
  })
  missingChunks: number;

  @ApiProperty({
    description: 'The receipt, if the rows are committed already.',
    example: 'eyJhbGciOi…',
    required: false,
  })
  receipt?: string;
}

export class StoredChunksDto {
  @ApiProperty({ description: 'Chunks that were stored.', example: 12 })
  stored: number;
}

export class CollectionReceiptDto {
  @ApiProperty({ description: "Central's signed word that the rows are committed.", example: 'eyJhbGciOi…' })
  receipt: string;
}

export class TaskProgressDto {
  @ApiProperty({ description: 'Rows that were read so far.', example: 1_000 })
  @Max(Number.MAX_SAFE_INTEGER)
  @Min(0)
  @IsInt()
  rows: number;

  @ApiProperty({ description: 'Their bytes.', example: 80_000 })
  @Max(Number.MAX_SAFE_INTEGER)
  @Min(0)
  @IsInt()
  bytes: number;
}

export class TaskFailureDto {
  @ApiProperty({ description: 'One of docs/error-codes.md.', example: 'COLLECTION_NOT_ALLOWED' })
  @Matches(/^[A-Z][A-Z_]{0,63}$/, { message: 'must be an error code' })
  code: string;

  @ApiProperty({ description: 'The reason.', example: 'The query reads public.secrets.' })
  @MaxLength(2_000)
  @IsString()
  message: string;
}
