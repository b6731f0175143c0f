import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { patterns } from '@rivulet/protocol';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsObject, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { reportStatuses, type ReportStatus } from '../delivery/device-reports';
import { exampleData } from './versions.dto';

const exampleDevice = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const exampleSchema = { type: 'object', required: ['config_url'] };

export class ConfigurationChangesDto {
  @ApiPropertyOptional({
    description: 'The purpose; null removes it.',
    type: String,
    nullable: true,
    maxLength: 500,
    example: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  })
  @IsOptional()
  @IsString()
  @MaxLength(500)
  description?: string | null;

  @ApiPropertyOptional({
    description: 'A JSON Schema (draft 2020-12) for what devices get; null removes it.',
    type: Object,
    nullable: true,
    example: exampleSchema,
  })
  @IsOptional()
  @IsObject()
  schema?: object | null;
}

export class ConfigurationDto {
  @ApiProperty({ description: 'The name of the configuration.', example: 'default' })
  name: string;

  @ApiProperty({
    description: 'The purpose.',
    type: String,
    nullable: true,
    example: 'The URL that the workers fetch.',
  })
  description: string | null;

  @ApiProperty({
    description: 'The JSON Schema for what devices get.',
    type: Object,
    nullable: true,
    example: exampleSchema,
  })
  schema: unknown;

  @ApiProperty({ description: 'The version that was added last.', example: 4 })
  latestVersion: number;

  @ApiProperty({
    description: 'The version of every target, unless a rollout gives it a different one.',
    type: Number,
    nullable: true,
    example: 4,
  })
  releasedVersion: number | null;

  @ApiProperty({ description: 'When it was added.', example: '2026-11-27T08:15:30.000Z' })
  createdAt: Date;

  @ApiProperty({ description: 'When it was changed last.', example: '2026-11-27T08:15:30.000Z' })
  changedAt: Date;
}

export class EffectiveQueryDto {
  @ApiProperty({ description: 'The id of the device, a ULID.', example: exampleDevice })
  @Matches(patterns.ulid, { message: 'must be the id of a device' })
  device: string;

  @ApiPropertyOptional({
    description: 'Another version than the one that the device is to have.',
    example: 4,
  })
  @Omittable()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(2 ** 31 - 1)
  version?: number;
}

export class EffectiveConfigurationDto {
  @ApiProperty({ description: 'The name of the configuration.', example: 'default' })
  name: string;

  @ApiProperty({ description: 'ULID.', example: exampleDevice })
  deviceId: string;

  @ApiProperty({ description: 'Number of the version.', example: 4 })
  version: number;

  @ApiProperty({ description: 'How often devices ask, in seconds.', example: 30 })
  pollIntervalSeconds: number;

  @ApiProperty({
    description: 'SHA-256 of the canonical JSON (RFC 8785) of `data`.',
    example: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  })
  sha256: string;

  @ApiProperty({ description: 'The document that the device gets.', example: exampleData })
  data: unknown;

  @ApiProperty({
    description: 'By JSON Pointer, where each value comes from: fleet, label …, device ….',
    type: Object,
    example: { '/config_url': 'label site:SFO' },
  })
  origins: Record<string, string>;
}

class PreviewDeviceDto {
  @ApiProperty({ description: 'ULID.', example: exampleDevice })
  deviceId: string;

  @ApiProperty({ description: 'The name of the configuration.', example: 'edge-1' })
  name: string;

  @ApiProperty({ description: 'Whether it differs from what the device is to have now.', example: true })
  changes: boolean;

  @ApiProperty({
    description: 'SHA-256 of the document that it would get.',
    example: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  })
  sha256: string;

  @ApiProperty({
    description: 'The overlays that apply, in the order in which they are merged.',
    example: ['label site:SFO'],
  })
  overlays: string[];
}

export class PreviewDto {
  @ApiProperty({ description: 'Devices that would get it.', example: 12 })
  targets: number;

  @ApiProperty({ description: 'Those of them for which something would change.', example: 3 })
  changed: number;

  @ApiProperty({ description: 'The first 100 targets.', type: [PreviewDeviceDto] })
  devices: PreviewDeviceDto[];
}

export class DevicesOfConfigurationQueryDto {
  @ApiPropertyOptional({ description: 'The latest report.', enum: reportStatuses })
  @Omittable()
  @IsIn(reportStatuses)
  status?: ReportStatus;

  @ApiPropertyOptional({ description: 'Devices after this one.', example: exampleDevice })
  @Omittable()
  @Matches(patterns.ulid, { message: 'must be the id of a device' })
  after?: string;

  @ApiPropertyOptional({ description: 'How many.', default: 100, maximum: 1_000 })
  @Omittable()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  limit?: number;
}

export class ConfigurationOfDeviceDto {
  @ApiProperty({ description: 'ULID.', example: exampleDevice })
  deviceId: string;

  @ApiProperty({ description: 'As the registry has it.', example: 'edge-1' })
  deviceName: string;

  @ApiProperty({
    description: 'The version that it was sent last.',
    type: Number,
    nullable: true,
    example: 4,
  })
  sentVersion: number | null;

  @ApiProperty({ description: 'When.', type: Date, nullable: true, example: '2026-11-27T08:15:30.000Z' })
  sentAt: Date | null;

  @ApiProperty({ description: 'The latest report.', enum: reportStatuses, nullable: true })
  status: ReportStatus | null;

  @ApiProperty({ description: 'The version that this is about.', type: Number, nullable: true, example: 4 })
  reportedVersion: number | null;

  @ApiProperty({
    description: 'The reason of a failure.',
    type: String,
    nullable: true,
    example: 'The worker answered 422.',
  })
  reason: string | null;

  @ApiProperty({ description: 'When.', type: Date, nullable: true, example: '2026-11-27T08:15:30.000Z' })
  reportedAt: Date | null;

  @ApiProperty({
    description: 'Since when the version is applied.',
    type: Date,
    nullable: true,
    example: '2026-11-27T08:15:30.000Z',
  })
  appliedAt: Date | null;

  @ApiProperty({ description: 'The version that its workers run.', type: Number, nullable: true, example: 4 })
  inForceVersion: number | null;

  @ApiProperty({
    description: 'Its digest.',
    type: String,
    nullable: true,
    example: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  })
  inForceSha256: string | null;
}
