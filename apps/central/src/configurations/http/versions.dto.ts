import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { patterns } from '@rivulet/protocol';
import type { Overlay, Targets } from '../content/configuration-content';
import { contentLimits } from '../content/content-rules';

export const exampleData = { config_url: 'https://api.example.com/task' };
const exampleDevice = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const LABEL = /^[^:\p{Cc}]{1,63}:[^\p{Cc}]{0,128}$/u;
const TARGETS_MAX = 1_000;
export const POLL_INTERVAL_MAX_SECONDS = 86_400;

export class OverlayDto {
  @ApiPropertyOptional({
    description: 'For devices with this label; or `device` is given.',
    example: 'site:SFO',
  })
  @Omittable()
  @Matches(LABEL, { message: 'must be a label such as site:SFO' })
  label?: string;

  @ApiPropertyOptional({ description: 'For this device alone.', example: exampleDevice })
  @Omittable()
  @Matches(patterns.ulid, { message: 'must be the id of a device' })
  device?: string;

  @ApiProperty({ description: 'Merged over what comes before it (RFC 7396).', example: { retries: 5 } })
  @IsDefined()
  data: unknown;
}

export class TargetsDto implements Targets {
  @ApiProperty({ description: 'Devices with any of these labels.', example: ['site:SFO'] })
  @IsArray()
  @ArrayMaxSize(TARGETS_MAX)
  @Matches(LABEL, { each: true, message: 'must be labels such as site:SFO' })
  labels: string[];

  @ApiProperty({ description: 'These devices.', example: [exampleDevice] })
  @IsArray()
  @ArrayMaxSize(TARGETS_MAX)
  @Matches(patterns.ulid, { each: true, message: 'must be ids of devices' })
  devices: string[];
}

export class ProposedVersionDto {
  @ApiProperty({
    description: 'The document for every target: any JSON but null, at most 256 KiB.',
    example: exampleData,
  })
  @IsDefined()
  data: unknown;

  @ApiPropertyOptional({ description: 'As in the latest version, unless given.', type: [OverlayDto] })
  @Omittable()
  @IsArray()
  @ArrayMaxSize(contentLimits.overlays)
  @ValidateNested({ each: true })
  @Type(() => OverlayDto)
  overlays?: OverlayDto[];

  @ApiPropertyOptional({
    description: 'For whom it is; null: for every device. As in the latest version, unless given.',
    type: TargetsDto,
    nullable: true,
    example: { labels: ['site:SFO'], devices: [] },
  })
  @IsOptional()
  @ValidateNested()
  @Type(() => TargetsDto)
  targets?: TargetsDto | null;

  @ApiPropertyOptional({ description: 'As in the latest version, unless given.', example: 30 })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(POLL_INTERVAL_MAX_SECONDS)
  pollIntervalSeconds?: number;
}

export class NewVersionDto extends ProposedVersionDto {
  @ApiPropertyOptional({ description: 'Why.', example: 'The API has moved.', maxLength: 500 })
  @Omittable()
  @IsString()
  @MaxLength(500)
  comment?: string;

  @ApiPropertyOptional({ description: 'False: it waits for a rollout.', default: true })
  @Omittable()
  @IsBoolean()
  release?: boolean;

  @ApiPropertyOptional({
    description: 'Refuse the change when the latest version differs from this one.',
    example: 3,
  })
  @Omittable()
  @IsInt()
  @Min(0)
  @Max(2 ** 31 - 1)
  expectedVersion?: number;
}

export class RestoreDto {
  @ApiPropertyOptional({ description: 'Why.', maxLength: 500, example: 'The API has moved.' })
  @Omittable()
  @IsString()
  @MaxLength(500)
  comment?: string;

  @ApiPropertyOptional({ description: 'False: it waits for a rollout.', default: true })
  @Omittable()
  @IsBoolean()
  release?: boolean;
}

export class VersionEntryDto {
  @ApiProperty({ description: 'The name of the configuration.', example: 'default' })
  name: string;

  @ApiProperty({ description: 'Number of the version.', example: 4 })
  version: number;

  @ApiProperty({
    description: 'SHA-256 of all that it says, as canonical JSON (RFC 8785).',
    example: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  })
  sha256: string;

  @ApiProperty({ description: 'Who added it.', example: 'admin' })
  author: string;

  @ApiProperty({
    description: 'Why it was added.',
    type: String,
    nullable: true,
    example: 'The API has moved.',
  })
  comment: string | null;

  @ApiProperty({
    description: 'The version whose content it has again.',
    type: Number,
    nullable: true,
    example: null,
  })
  restoredFrom: number | null;

  @ApiProperty({ description: 'When it was added.', example: '2026-11-27T08:15:30.000Z' })
  createdAt: Date;
}

export class VersionDto extends VersionEntryDto {
  @ApiProperty({ description: 'The document for every target.', example: exampleData })
  data: unknown;

  @ApiProperty({ description: 'The overlays for some devices.', type: [OverlayDto] })
  overlays: Overlay[];

  @ApiProperty({
    description: 'For whom it is; null: for every device.',
    type: TargetsDto,
    nullable: true,
    example: { labels: ['site:SFO'], devices: [] },
  })
  targets: Targets | null;

  @ApiProperty({ description: 'How often devices ask, in seconds.', example: 30 })
  pollIntervalSeconds: number;
}

export class HistoryQueryDto {
  @ApiPropertyOptional({ description: 'How many, the latest first.', default: 100, maximum: 500 })
  @Omittable()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit?: number;

  @ApiPropertyOptional({ description: 'Those before this version.', example: 20 })
  @Omittable()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(2 ** 31 - 1)
  before?: number;
}

export class DifferenceQueryDto {
  @ApiProperty({ description: 'The earlier version.', example: 3 })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(2 ** 31 - 1)
  from: number;

  @ApiProperty({ description: 'The later version.', example: 4 })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(2 ** 31 - 1)
  to: number;
}

class DocumentChangeDto {
  @ApiProperty({ description: 'JSON Pointer.', example: '/config_url' })
  path: string;

  @ApiProperty({
    description: 'Whether the value was added, removed or changed.',
    enum: ['added', 'removed', 'changed'],
  })
  kind: 'added' | 'removed' | 'changed';

  @ApiPropertyOptional({ description: 'The earlier version.', example: 'https://api.example.com/task' })
  from?: unknown;

  @ApiPropertyOptional({ description: 'The later version.', example: 'https://api.example.com/new-task' })
  to?: unknown;
}

export class DifferenceDto {
  @ApiProperty({ description: 'The earlier version.', example: 3 })
  from: number;

  @ApiProperty({ description: 'The later version.', example: 4 })
  to: number;

  @ApiProperty({ description: 'The changes of the document for every target.', type: [DocumentChangeDto] })
  data: DocumentChangeDto[];

  @ApiProperty({ description: 'The changes of the overlays.', type: [DocumentChangeDto] })
  overlays: DocumentChangeDto[];

  @ApiProperty({ description: 'For whom it is; null: for every device.', type: [DocumentChangeDto] })
  targets: DocumentChangeDto[];

  @ApiProperty({ description: 'How often devices ask, in seconds.', type: [DocumentChangeDto] })
  pollIntervalSeconds: DocumentChangeDto[];
}
