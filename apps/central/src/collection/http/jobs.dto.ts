import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsString,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { jobMisfires, jobOverlaps, type CollectionJob } from '../definitions/collection-job';
import { exampleTime, exampleUlid, IsTitle, IsUlid } from './field-rules';
import { AreLabels } from '../../devices/label-rules';

const labelsSchema = {
  type: 'object',
  additionalProperties: { type: 'string' },
  example: { site: 'SFO' },
} as const;

/** The job as a whole: what a change leaves out has its default again. */
export class NewJobDto {
  @ApiProperty({ description: 'The display name.', example: 'Users, each night', maxLength: 200 })
  @IsTitle()
  name: string;

  @ApiProperty({ description: 'The schema that is collected.', example: exampleUlid })
  @IsUlid()
  schema_id: string;

  @ApiPropertyOptional({ description: 'The one network that it is collected from.', example: exampleUlid })
  @Omittable()
  @IsUlid()
  network_id?: string;

  @ApiPropertyOptional({
    description: 'The networks that it is collected from.',
    example: [exampleUlid],
    type: [String],
  })
  @Omittable()
  @IsUlid({ each: true })
  @ArrayUnique()
  @ArrayMaxSize(5_000)
  @ArrayMinSize(1)
  @IsArray()
  network_ids?: string[];

  @ApiPropertyOptional({
    description: 'It is collected from all networks with these labels.',
    ...labelsSchema,
  })
  @Omittable()
  @AreLabels()
  labels?: Record<string, string>;

  @ApiPropertyOptional({
    description: 'When it runs. Without it: only by hand.',
    example: '0 2 * * *',
    maxLength: 200,
  })
  @Omittable()
  @MaxLength(200)
  @IsString()
  cron?: string;

  @ApiPropertyOptional({ description: 'The time zone of `cron`.', default: 'UTC', maxLength: 64 })
  @Omittable()
  @MaxLength(64)
  @IsString()
  time_zone?: string;

  @ApiPropertyOptional({
    description: 'Whether a run that comes due while an earlier one is still going is skipped or queued.',
    enum: jobOverlaps,
    default: 'skip',
  })
  @Omittable()
  @IsIn(jobOverlaps)
  overlap?: CollectionJob['overlap'];

  @ApiPropertyOptional({
    description: 'Whether one of the runs that came due while no central was running is run, or none.',
    enum: jobMisfires,
    default: 'run_once',
  })
  @Omittable()
  @IsIn(jobMisfires)
  misfire?: CollectionJob['misfire'];

  @ApiPropertyOptional({
    description: 'A run begins up to so many seconds late, at random.',
    default: 0,
    maximum: 86_400,
  })
  @Omittable()
  @Max(86_400)
  @Min(0)
  @IsInt()
  jitter_seconds?: number;

  @ApiPropertyOptional({
    description: 'Networks that have not delivered after so many seconds have failed.',
    default: 3_600,
    minimum: 1,
    maximum: 604_800,
  })
  @Omittable()
  @Max(604_800)
  @Min(1)
  @IsInt()
  deadline_seconds?: number;

  @ApiPropertyOptional({
    description: 'Networks that work on a run at once.',
    default: 20,
    minimum: 1,
    maximum: 1_000,
  })
  @Omittable()
  @Max(1_000)
  @Min(1)
  @IsInt()
  max_parallel?: number;

  @ApiPropertyOptional({ description: 'Whether it runs by its schedule.', default: true })
  @Omittable()
  @IsBoolean()
  enabled?: boolean;
}

export class HeldNetworkDto {
  @ApiProperty({ description: 'The network that scheduled runs leave out.', example: exampleUlid })
  network_id: string;

  @ApiProperty({ description: 'The code of the error.', example: 'COLLECTION_TARGET_UNFIT' })
  code: string;

  @ApiProperty({ description: 'The problem.', example: 'Table collected.sync_users does not fit: …' })
  message: string;

  @ApiProperty({ description: 'Since when.', example: exampleTime })
  since: Date;
}

export class JobDto {
  @ApiProperty({ description: 'ULID.', example: exampleUlid })
  id: string;

  @ApiProperty({ description: 'The display name.', example: 'Users, each night' })
  name: string;

  @ApiProperty({ description: 'The schema that is collected.', example: exampleUlid })
  schema_id: string;

  @ApiProperty({
    description: 'Its networks, if it names them.',
    example: [exampleUlid],
    nullable: true,
    type: [String],
  })
  network_ids: string[] | null;

  @ApiProperty({
    description: 'The labels of its networks, if it does not name them.',
    nullable: true,
    ...labelsSchema,
  })
  labels: Record<string, string> | null;

  @ApiProperty({ description: 'When it runs.', example: '0 2 * * *', nullable: true, type: String })
  cron: string | null;

  @ApiProperty({ description: 'The time zone of `cron`.', example: 'UTC' })
  time_zone: string;

  @ApiProperty({
    description: 'Whether a run that comes due too early is skipped or queued.',
    enum: jobOverlaps,
  })
  overlap: CollectionJob['overlap'];

  @ApiProperty({ description: 'Whether a missed run is run later or skipped.', enum: jobMisfires })
  misfire: CollectionJob['misfire'];

  @ApiProperty({ description: 'A run begins up to so many seconds late.', example: 0 })
  jitter_seconds: number;

  @ApiProperty({ description: 'How long a run may take.', example: 3_600 })
  deadline_seconds: number;

  @ApiProperty({ description: 'Networks that work on a run at once.', example: 20 })
  max_parallel: number;

  @ApiProperty({ description: 'Whether it runs by its schedule.', example: true })
  enabled: boolean;

  @ApiProperty({ description: 'When it runs next.', example: exampleTime, nullable: true, type: Date })
  next_run_at: Date | null;

  @ApiProperty({ description: 'Scheduled runs that were left out.', example: 0 })
  skipped_runs: number;

  @ApiProperty({
    description: 'Networks that scheduled runs leave out until somebody has looked.',
    type: [HeldNetworkDto],
  })
  held: HeldNetworkDto[];

  @ApiProperty({ description: 'When it was created.', example: exampleTime })
  created_at: Date;

  @ApiProperty({ description: 'When it was changed last.', example: exampleTime })
  updated_at: Date;
}
