import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { IsBoolean } from 'class-validator';
import { SyncErrorDto, SyncResultDto } from '../sync/sync.dto';
import {
  DEVIATIONS_NAMED,
  scrubStatuses,
  scrubTableStatuses,
  scrubTriggers,
  type Deviation,
  type ScrubResult,
  type ScrubTableResult,
} from '../state/scrub-result';

export class ScrubBodyDto {
  @ApiPropertyOptional({
    description: 'Whether to fetch deviating rows again. Default: EDGE_SCRUB_REPAIR.',
    example: true,
  })
  @Omittable()
  @IsBoolean()
  repair?: boolean;
}

export class DeviationDto implements Deviation {
  @ApiProperty({ description: 'Position of its first chunk in the recorded list, from 0.', example: 17 })
  position: number;

  @ApiProperty({ description: 'Recorded chunks in the range; 0 where there should be no rows.', example: 1 })
  chunks: number;

  @ApiProperty({ description: 'First key of the range; columns are separated by tabs.', example: '5983' })
  firstKey: string;

  @ApiProperty({ description: 'Last key of the range.', example: '6312' })
  lastKey: string;

  @ApiProperty({ description: 'Rows that were applied in the range.', example: 330 })
  expectedRows: number;

  @ApiProperty({ description: 'Rows that were found in the range.', example: 330 })
  actualRows: number;
}

export class ScrubTableResultDto implements ScrubTableResult {
  @ApiProperty({ description: "The dataset's name.", example: 'users' })
  name: string;

  @ApiProperty({ description: "The mirror's table.", example: 'users' })
  table: string;

  @ApiProperty({
    description:
      '`intact`: as it was applied. `deviating`: its rows differ. `missing`: there is no table, or its columns differ.',
    enum: scrubTableStatuses,
  })
  status: ScrubTableResult['status'];

  @ApiProperty({ description: 'Rows that were applied.', example: 1032 })
  rows: number;

  @ApiProperty({ description: 'Chunks that were applied and compared.', example: 5 })
  chunks: number;

  @ApiProperty({
    description: `The first ${DEVIATIONS_NAMED} ranges of keys in which the mirror deviates.`,
    type: [DeviationDto],
  })
  deviations: DeviationDto[];

  @ApiProperty({ description: 'Number of such ranges.', example: 0 })
  deviationCount: number;
}

export class ScrubResultDto implements ScrubResult {
  @ApiProperty({ description: 'ULID.', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2V' })
  scrubId: string;

  @ApiProperty({ description: 'The trigger of the scrub.', enum: scrubTriggers })
  trigger: ScrubResult['trigger'];

  @ApiProperty({
    description:
      '`intact`: every mirror is as it was applied. `deviating`: at least one is not. `repaired`: at least one was not, ' +
      'and is again. `failed`: not every mirror could be read, see `error`.',
    enum: scrubStatuses,
  })
  status: ScrubResult['status'];

  @ApiProperty({ description: "By the edge's clock.", example: '2026-11-21T03:00:11.004Z' })
  startedAt: string;

  @ApiProperty({ description: "By the edge's clock.", example: '2026-11-21T03:00:13.187Z' })
  finishedAt: string;

  @ApiProperty({ description: 'Milliseconds from start to end, including the repair.', example: 2183 })
  durationMs: number;

  @ApiProperty({ description: 'The finding for each mirror.', type: [ScrubTableResultDto] })
  tables: ScrubTableResultDto[];

  @ApiPropertyOptional({ description: 'The cycle that fetched the deviating rows.', type: SyncResultDto })
  repair?: SyncResultDto;

  @ApiPropertyOptional({
    description: 'Why the mirrors could not be read or repaired.',
    type: SyncErrorDto,
  })
  error?: SyncErrorDto;
}
