import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { errorCatalogue, type ErrorCode } from '@rivulet/errors';
import { Type } from 'class-transformer';
import { IsBoolean, IsInt, IsOptional, Max, Min } from 'class-validator';
import {
  syncPhases,
  syncTriggers,
  tableActions,
  type SyncDurations,
  type SyncProgress,
  type SyncResult,
  type TableResult,
} from './sync-result';

export const exampleChecksum = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
export const exampleManifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

export class SyncDurationsDto implements SyncDurations {
  @ApiProperty({ description: "Milliseconds until central's answer was there.", example: 48 })
  requestMs: number;

  @ApiProperty({ description: 'Milliseconds for fetching and checking frames.', example: 21 })
  downloadMs: number;

  @ApiProperty({ description: 'Milliseconds for writing the mirrors.', example: 34 })
  applyMs: number;

  @ApiProperty({ description: 'Milliseconds for reading them back and hashing.', example: 12 })
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
      '`created`, `loaded` (emptied and filled), `rebuilt` (made anew for other columns), `patched` (by the rows ' +
      'that differ), `merged` (with the chunks that differ) or `unchanged`.',
    enum: tableActions,
  })
  action: TableResult['action'];

  @ApiProperty({ description: 'Rows that the mirror has.', example: 1032 })
  rows: number;

  @ApiProperty({
    description: 'Rows that were inserted, updated or deleted; all of them when it was filled.',
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
    description: 'What to do about it.',
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
    description: 'What started the cycle. `repair`: a scrub that found a deviation.',
    enum: syncTriggers,
  })
  trigger: SyncResult['trigger'];

  @ApiProperty({
    description:
      '`applied`: a new manifest. `current`: nothing had changed. `failed`: see `error`; nothing has changed.',
    enum: ['applied', 'current', 'failed'],
  })
  status: SyncResult['status'];

  @ApiProperty({
    description: 'The manifest of the mirrors, or the one that failed; null when there was none.',
    type: String,
    nullable: true,
    example: exampleManifestId,
  })
  manifestId: string | null;

  @ApiProperty({
    description: "Which life of central's database the manifest is from.",
    type: Number,
    nullable: true,
    example: 1,
  })
  epoch: number | null;

  @ApiProperty({ description: 'Its place in the epoch.', type: Number, nullable: true, example: 42 })
  sequence: number | null;

  @ApiProperty({ description: "By the edge's clock.", example: '2026-11-21T08:00:03.120Z' })
  startedAt: string;

  @ApiProperty({ description: "By the edge's clock.", example: '2026-11-21T08:00:03.251Z' })
  finishedAt: string;

  @ApiProperty({ description: 'Where the time went.', type: SyncDurationsDto })
  durations: SyncDurationsDto;

  @ApiProperty({ description: 'Bytes of frames that were fetched.', example: 96211 })
  wireBytes: number;

  @ApiProperty({ description: 'Whether central has confirmed that it knows.', example: true })
  acknowledged: boolean;

  @ApiProperty({
    description: 'What was done with each table; empty when the cycle failed.',
    type: [TableResultDto],
  })
  tables: TableResultDto[];

  @ApiPropertyOptional({ description: 'Why the cycle failed.', type: SyncErrorDto })
  error?: SyncErrorDto;
}

export class SyncProgressDto implements SyncProgress {
  @ApiProperty({ description: 'What the cycle is doing.', enum: syncPhases })
  phase: SyncProgress['phase'];

  @ApiProperty({ description: 'Rows that have been read back, while verifying.', example: 512000 })
  rowsDone: number;

  @ApiProperty({ description: '0 until it is known.', example: 1000000 })
  rowsTotal: number;

  @ApiProperty({
    description: 'Bytes fetched while downloading, of rows and patches taken while applying.',
    example: 19922944,
  })
  bytesDone: number;

  @ApiProperty({ description: '0 until it is known.', example: 38797312 })
  bytesTotal: number;
}

export class SyncBodyDto {
  @ApiPropertyOptional({
    description:
      'Lets this one cycle delete any number of rows, whatever `guard:` in the datasets file says.',
    example: true,
  })
  @IsOptional()
  @IsBoolean()
  confirmDeletes?: boolean;
}

export class HistoryQueryDto {
  @ApiPropertyOptional({
    description: 'Number of cycles, the latest first.',
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
