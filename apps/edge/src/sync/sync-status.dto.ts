import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ScrubResultDto } from '../scrub/scrub.dto';
import { exampleChecksum, exampleManifestId, SyncProgressDto, SyncResultDto } from './sync.dto';

export class MirrorStatusDto {
  @ApiProperty({ description: "The dataset's name.", example: 'users' })
  name: string;

  @ApiProperty({ description: 'The schema that the mirror is in.', example: 'public' })
  schema: string;

  @ApiProperty({ description: "The mirror's table.", example: 'users' })
  table: string;

  @ApiProperty({ description: 'Rows that it has.', example: 1032 })
  rows: number;

  @ApiProperty({ description: 'Bytes of these rows in canonical form.', example: 301857 })
  bytes: number;

  @ApiProperty({
    description: 'The checksum that was proved when it was written, or found by a scrub since.',
    example: exampleChecksum,
  })
  checksum: string;

  @ApiProperty({ description: 'The manifest that changed it last.', example: exampleManifestId })
  manifestId: string;

  @ApiProperty({ description: "When, by the edge's clock.", example: '2026-11-21T08:00:03.251Z' })
  loadedAt: Date;
}

export class SyncStatusDto {
  @ApiProperty({
    description: 'Whether a cycle is running, or a scrub and no cycle.',
    enum: ['idle', 'syncing', 'verifying'],
  })
  state: 'idle' | 'syncing' | 'verifying';

  @ApiProperty({ description: 'By which central knows this device.', example: '48:b0:2d:e9:c3:b7' })
  macAddress: string;

  @ApiPropertyOptional({
    description: 'Of the cycle that is running, or else of the scrub.',
    type: SyncProgressDto,
  })
  progress?: SyncProgressDto;

  @ApiPropertyOptional({
    description: 'Of this process; older ones are in the history.',
    type: SyncResultDto,
  })
  lastResult?: SyncResultDto;

  @ApiPropertyOptional({
    description: 'What the last scrub found, of whatever process.',
    type: ScrubResultDto,
  })
  lastVerification?: ScrubResultDto;

  @ApiPropertyOptional({
    description: 'When the next scheduled cycle starts.',
    example: '2026-11-21T08:05:11.004Z',
  })
  nextRunAt?: Date;

  @ApiProperty({ description: 'What each mirror holds.', type: [MirrorStatusDto] })
  mirrors: MirrorStatusDto[];
}
