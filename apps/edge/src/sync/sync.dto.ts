import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { errorCatalogue, type ErrorCode } from '@rivulet/errors';
import { Type } from 'class-transformer';
import { Omittable } from '@rivulet/platform';
import { IsBoolean, IsInt, IsOptional, Max, Min } from 'class-validator';
import { syncPhases, type SyncProgress } from '../state/sync-progress';
import {
  syncTriggers,
  tableActions,
  type SyncDurations,
  type SyncResult,
  type TableResult,
} from '../state/sync-result';

export const exampleChecksum = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
export const exampleManifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

export class SyncDurationsDto implements SyncDurations {
  @ApiProperty({ description: "Milliseconds until central's answer arrived.", example: 48 })
  requestMs: number;

  @ApiProperty({ description: 'Milliseconds for fetching and checking frames.', example: 21 })
  downloadMs: number;

  @ApiProperty({ description: 'Milliseconds for writing the mirrors.', example: 34 })
  applyMs: number;

  @ApiProperty({ description: 'Milliseconds for reading the mirrors back and hashing.', example: 12 })
  verifyMs: number;

  @ApiProperty({ description: 'Milliseconds from start to end.', example: 131 })
  totalMs: number;
}

export class TableResultDto implements TableResult {
  @ApiProperty({ description: "The dataset's name.", example: 'users' })
  name: string;

  @ApiProperty({ description: "The mirror's table.", example: 'users' })
  table: string;

  @ApiProperty({
    description:
      '`created`, `loaded` (emptied and filled), `rebuilt` (replaced by a new table with different columns), ' +
      '`patched` (the rows that differ were changed), `merged` (with the chunks that differ) or `unchanged`.',
    enum: tableActions,
  })
  action: TableResult['action'];

  @ApiProperty({ description: 'Rows of the mirror.', example: 1032 })
  rows: number;

  @ApiProperty({
    description: 'Rows inserted, updated or deleted; all rows when the table was filled.',
    example: 12,
  })
  rowsChanged: number;

  @ApiProperty({ description: 'Bytes of its rows in canonical form.', example: 301857 })
  bytes: number;

  @ApiProperty({ description: 'The checksum that was proved.', example: exampleChecksum })
  checksum: string;
}

export class SyncErrorDto {
  @ApiProperty({
    description: 'See docs/error-codes.md.',
    enum: Object.keys(errorCatalogue),
    example: 'CENTRAL_UNREACHABLE',
  })
  code: ErrorCode;

  @ApiProperty({
    description: 'The reason, in a sentence.',
    example: 'Central at http://central:8080 cannot be reached: ECONNREFUSED.',
  })
  message: string;

  @ApiProperty({
    description: 'The next step.',
    example: 'Check EDGE_CENTRAL_URL and the network; the next cycle resumes the download.',
  })
  nextStep: string;
}

export class SyncResultDto implements SyncResult {
  @ApiProperty({
    description: 'ULID; also the request id in the logs of both apps.',
    example: exampleManifestId,
  })
  cycleId: string;

  @ApiProperty({
    description: 'The trigger of the cycle. `repair`: a scrub found a deviation.',
    enum: syncTriggers,
  })
  trigger: SyncResult['trigger'];

  @ApiProperty({
    description:
      '`applied`: a new manifest. `current`: the mirrors were up to date. `failed`: see `error`; nothing has changed.',
    enum: ['applied', 'current', 'failed'],
  })
  status: SyncResult['status'];

  @ApiProperty({
    description:
      'The manifest of the mirrors, or the one that could not be applied; null when there was none.',
    type: String,
    nullable: true,
    example: exampleManifestId,
  })
  manifestId: string | null;

  @ApiProperty({
    description: "The manifest's epoch. It is raised when central's database is restored from a backup.",
    type: Number,
    nullable: true,
    example: 1,
  })
  epoch: number | null;

  @ApiProperty({
    description: "The manifest's number in the epoch.",
    type: Number,
    nullable: true,
    example: 42,
  })
  sequence: number | null;

  @ApiProperty({ description: "By the edge's clock.", example: '2026-11-21T08:00:03.120Z' })
  startedAt: string;

  @ApiProperty({ description: "By the edge's clock.", example: '2026-11-21T08:00:03.251Z' })
  finishedAt: string;

  @ApiProperty({ description: 'Duration of each phase.', type: SyncDurationsDto })
  durations: SyncDurationsDto;

  @ApiProperty({ description: 'Bytes of frames that were fetched.', example: 96211 })
  wireBytes: number;

  @ApiProperty({ description: 'Whether central has confirmed the report of this cycle.', example: true })
  acknowledged: boolean;

  @ApiProperty({
    description: 'The result for each table; empty when the cycle failed.',
    type: [TableResultDto],
  })
  tables: TableResultDto[];

  @ApiPropertyOptional({ description: 'Why the cycle failed.', type: SyncErrorDto })
  error?: SyncErrorDto;
}

export class SyncProgressDto implements SyncProgress {
  @ApiProperty({ description: 'The current phase of the cycle or scrub.', enum: syncPhases })
  phase: SyncProgress['phase'];

  @ApiProperty({ description: 'Rows read so far, while verifying or scrubbing.', example: 512000 })
  rowsDone: number;

  @ApiProperty({ description: '0 until the total is known.', example: 1000000 })
  rowsTotal: number;

  @ApiProperty({
    description:
      'Bytes fetched so far while downloading; bytes of rows and patches written so far while applying.',
    example: 19922944,
  })
  bytesDone: number;

  @ApiProperty({ description: '0 until the total is known.', example: 38797312 })
  bytesTotal: number;
}

export class SyncBodyDto {
  @ApiPropertyOptional({
    description:
      'Lets this one cycle delete any number of rows, regardless of `guard:` in the datasets file.',
    example: true,
  })
  @Omittable()
  @IsBoolean()
  confirmDeletes?: boolean;
}

export class HistoryQueryDto {
  @ApiPropertyOptional({
    description: 'Number of cycles.',
    default: 20,
    minimum: 1,
    maximum: 500,
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit = 20;
}
