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

export class FreshnessDto {
  @ApiProperty({
    description:
      'stale: central has not confirmed the rows for longer than is allowed. never: it has not confirmed any yet.',
    enum: ['fresh', 'stale', 'never'],
  })
  state: 'fresh' | 'stale' | 'never';

  @ApiPropertyOptional({
    description: 'Time since central was asked for what it last confirmed.',
    example: 42,
  })
  ageSeconds?: number;

  @ApiProperty({ description: 'The allowed age, EDGE_STALE_AFTER.', example: 900 })
  staleAfterSeconds: number;

  @ApiPropertyOptional({
    description: 'Why the rows are stale.',
    example: 'Central last confirmed the rows 1810 s ago; 900 s are allowed.',
  })
  problem?: string;
}

class RefusedAnswerDto {
  @ApiProperty({ description: 'Why it was not believed.', example: 'ANSWER_REPLAYED' })
  code: string;

  @ApiProperty({
    description: 'The same, for people.',
    example: "Central's answer belongs to another request: its nonce is not ours.",
  })
  message: string;

  @ApiProperty({ description: "When, by the edge's clock.", example: '2026-11-21T08:00:03.251Z' })
  at: Date;

  @ApiProperty({ description: 'The cycle that it was sent to.', example: '01KAJ9V9S0Q1Y8XG4M2J6T5N3P' })
  cycleId: string;
}

class RefusedAnswersDto {
  @ApiProperty({ description: 'Since this process started.', example: 1 })
  total: number;

  @ApiPropertyOptional({ description: 'The last one.', type: RefusedAnswerDto })
  last?: RefusedAnswerDto;
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

  @ApiProperty({ description: 'How old the rows may be.', type: FreshnessDto })
  freshness: FreshnessDto;

  @ApiProperty({
    description: 'Answers in the name of central that this edge did not believe.',
    type: RefusedAnswersDto,
  })
  refusedAnswers: RefusedAnswersDto;

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
