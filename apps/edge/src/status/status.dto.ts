import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ScrubResultDto } from '../scrub/scrub.dto';
import { exampleChecksum, exampleManifestId, SyncProgressDto, SyncResultDto } from '../sync/sync.dto';

export class MirrorStatusDto {
  @ApiProperty({ description: "The dataset's name.", example: 'users' })
  name: string;

  @ApiProperty({ description: 'Schema of the mirror.', example: 'public' })
  schema: string;

  @ApiProperty({ description: "The mirror's table.", example: 'users' })
  table: string;

  @ApiProperty({ description: 'Rows of the mirror.', example: 1032 })
  rows: number;

  @ApiProperty({ description: 'Bytes of its rows in canonical form.', example: 301857 })
  bytes: number;

  @ApiProperty({
    description: 'The checksum that was proved when the mirror was written, or found by a scrub since.',
    example: exampleChecksum,
  })
  checksum: string;

  @ApiProperty({ description: 'The manifest that changed the mirror last.', example: exampleManifestId })
  manifestId: string;

  @ApiProperty({
    description: "Time of that change, by the edge's clock.",
    example: '2026-11-21T08:00:03.251Z',
  })
  loadedAt: Date;
}

export class IdentityDto {
  @ApiProperty({
    description: 'By what central knows it: a key, or in a trial its MAC address alone.',
    enum: ['key', 'mac'],
  })
  auth: 'key' | 'mac';

  @ApiProperty({ description: 'The MAC address of this device.', example: '48:b0:2d:e9:c3:b7' })
  macAddress: string;

  @ApiPropertyOptional({
    description: 'Its id at central, once it is enrolled.',
    example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R',
  })
  deviceId?: string;

  @ApiPropertyOptional({
    description: 'Thumbprint of its key.',
    example: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  })
  keyThumbprint?: string;

  @ApiPropertyOptional({
    description: "Thumbprint of central's key, which this device trusts.",
    example: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  })
  centralKey?: string;
}

export class LiveDto {
  @ApiProperty({ description: 'Whether the live connection to central is there.', example: true })
  connected: boolean;

  @ApiProperty({ description: 'Since when.', example: '2026-11-27T08:00:03.251Z' })
  since: Date;

  @ApiPropertyOptional({
    description: 'Why it is not there.',
    example: 'Central cannot be reached: connect ECONNREFUSED 127.0.0.1:8080',
  })
  problem?: string;

  @ApiPropertyOptional({
    description: 'When central last asked for a sync.',
    example: '2026-11-27T08:01:00.010Z',
  })
  lastNudgeAt?: Date;
}

export class SyncStatusDto {
  @ApiProperty({
    description: 'The current activity. `syncing` when both a cycle and a scrub are.',
    enum: ['idle', 'syncing', 'scrubbing'],
  })
  state: 'idle' | 'syncing' | 'scrubbing';

  @ApiProperty({
    description: 'MAC address by which central knows this device.',
    example: '48:b0:2d:e9:c3:b7',
  })
  macAddress: string;

  @ApiProperty({ description: 'Who this device is.', type: IdentityDto })
  identity: IdentityDto;

  @ApiProperty({ description: 'The connection over which central says when to sync.', type: LiveDto })
  live: LiveDto;

  @ApiPropertyOptional({
    description: 'Progress of the running cycle, or else of the running scrub.',
    type: SyncProgressDto,
  })
  progress?: SyncProgressDto;

  @ApiPropertyOptional({
    description: 'The last cycle of this process; see the history for older ones.',
    type: SyncResultDto,
  })
  lastResult?: SyncResultDto;

  @ApiPropertyOptional({
    description: 'The last scrub, by any process.',
    type: ScrubResultDto,
  })
  lastScrub?: ScrubResultDto;

  @ApiPropertyOptional({
    description: 'When the next scheduled cycle starts.',
    example: '2026-11-21T08:05:11.004Z',
  })
  nextRunAt?: Date;

  @ApiProperty({ description: 'The recorded content of each mirror.', type: [MirrorStatusDto] })
  mirrors: MirrorStatusDto[];
}
