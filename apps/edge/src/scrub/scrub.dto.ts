import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsOptional } from 'class-validator';
import { SyncErrorDto, SyncResultDto } from '../sync/sync.dto';
import {
  DEVIATIONS_NAMED,
  scrubStatuses,
  scrubTableStatuses,
  scrubTriggers,
  type Deviation,
  type ScrubResult,
  type ScrubTableResult,
} from './scrub-result';

export class VerifyBodyDto {
  @ApiPropertyOptional({
    description: 'Whether to fetch again what deviates. Unset: what EDGE_VERIFY_REPAIR says.',
    example: true,
  })
  @IsOptional()
  @IsBoolean()
  repair?: boolean;
}

export class DeviationDto implements Deviation {
  @ApiProperty({ description: 'The place of its first chunk among those recorded, from 0.', example: 17 })
  position: number;

  @ApiProperty({ description: 'Recorded chunks in it; 0 where there should be no rows.', example: 1 })
  chunks: number;

  @ApiProperty({ description: 'The first key of these chunks; tab between its columns.', example: '5983' })
  firstKey: string;

  @ApiProperty({ description: 'The last key of these chunks.', example: '6312' })
  lastKey: string;

  @ApiProperty({ description: 'Rows that were applied there.', example: 330 })
  expectedRows: number;

  @ApiProperty({ description: 'Rows that are there.', example: 330 })
  actualRows: number;
}

export class ScrubTableResultDto implements ScrubTableResult {
  @ApiProperty({ description: "The dataset's name.", example: 'users' })
  name: string;

  @ApiProperty({ description: "The mirror's table.", example: 'users' })
  table: string;

  @ApiProperty({
    description:
      '`intact`: as it was applied. `deviating`: it has other rows. `missing`: it is not there, or has other columns.',
    enum: scrubTableStatuses,
  })
  status: ScrubTableResult['status'];

  @ApiProperty({ description: 'Rows that were applied.', example: 1032 })
  rows: number;

  @ApiProperty({ description: 'Chunks that were applied and have been compared.', example: 5 })
  chunks: number;

  @ApiProperty({
    description: `Where the mirror deviates; the first ${DEVIATIONS_NAMED} ranges of keys.`,
    type: [DeviationDto],
  })
  deviations: DeviationDto[];

  @ApiProperty({ description: 'How many such ranges there are.', example: 0 })
  deviationCount: number;
}

export class ScrubResultDto implements ScrubResult {
  @ApiProperty({ description: 'ULID.', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2V' })
  verificationId: string;

  @ApiProperty({ description: 'What started the scrub.', enum: scrubTriggers })
  trigger: ScrubResult['trigger'];

  @ApiProperty({
    description:
      '`intact`: every mirror is as it was applied. `deviating`: at least one is not. `repaired`: one was not, and is ' +
      'again. `failed`: they could not all be read, see `error`.',
    enum: scrubStatuses,
  })
  status: ScrubResult['status'];

  @ApiProperty({ description: "By the edge's clock.", example: '2026-11-21T03:00:11.004Z' })
  startedAt: string;

  @ApiProperty({ description: "By the edge's clock.", example: '2026-11-21T03:00:13.187Z' })
  finishedAt: string;

  @ApiProperty({ description: 'Milliseconds from start to end, with the repair.', example: 2183 })
  durationMs: number;

  @ApiProperty({ description: 'What was found of each mirror.', type: [ScrubTableResultDto] })
  tables: ScrubTableResultDto[];

  @ApiPropertyOptional({ description: 'The cycle that fetched what deviated.', type: SyncResultDto })
  repair?: SyncResultDto;

  @ApiPropertyOptional({
    description: 'Why the mirrors could not be read, or not be repaired.',
    type: SyncErrorDto,
  })
  error?: SyncErrorDto;
}
