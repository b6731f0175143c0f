import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { configurationNamePattern, patterns } from '@rivulet/protocol';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsString, IsUrl, Matches, Max, MaxLength, Min } from 'class-validator';
import { reportStatuses, type ReportStatus } from '../delivery/device-reports';
import { DEFAULT_NAME } from '../content/default-name';
import { exampleData, POLL_INTERVAL_MAX_SECONDS } from './versions.dto';

const exampleUuid = '9f86d081-884c-8d65-9a2f-eaa0c55ad015';

/** Which configuration a request is about. */
export class NameQueryDto {
  @ApiPropertyOptional({ description: 'The name of the configuration.', default: DEFAULT_NAME })
  @Omittable()
  @Matches(configurationNamePattern, { message: 'must be the name of a configuration' })
  name?: string;
}

export class UpdateQueryDto extends NameQueryDto {
  @ApiPropertyOptional({ description: 'How often agents ask, in seconds. Unset: as before.', example: 60 })
  @Omittable()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(POLL_INTERVAL_MAX_SECONDS)
  poll_interval?: number;
}

export class ConfigUrlDto {
  @ApiProperty({ description: 'The URL that the workers fetch.', example: exampleData.config_url })
  @IsUrl(
    { protocols: ['http', 'https'], require_protocol: true, require_tld: false },
    { message: 'must be an http or https URL' },
  )
  @MaxLength(2_048)
  config_url: string;

  @ApiPropertyOptional({ description: 'How often agents ask, in seconds. Unset: as before.', example: 30 })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(POLL_INTERVAL_MAX_SECONDS)
  pooling_interval?: number;
}

export class ConfigAdminDto {
  @ApiProperty({ description: 'The UUID of this version.', example: exampleUuid })
  uuid: string;

  @ApiProperty({ description: 'Number of the version.', example: 4 })
  version: number;

  @ApiProperty({
    description: 'The URL that the workers fetch.',
    type: String,
    nullable: true,
    example: exampleData.config_url,
  })
  config_url: string | null;

  @ApiProperty({ description: 'How often agents ask, in seconds.', example: 30 })
  pooling_interval: number;

  @ApiProperty({ description: 'When it was added.', example: '2026-11-27T08:15:30.000Z' })
  created_at: Date;
}

/** The fields of both documents, and the statement. */
export class AgentConfigurationDto {
  @ApiProperty({ description: 'Number of the version.', example: 4 })
  version: number;

  @ApiProperty({ description: 'The document for this agent.', example: exampleData })
  data: unknown;

  @ApiProperty({ description: 'When to ask again.', example: 30 })
  poll_interval_seconds: number;

  @ApiProperty({ description: 'The UUID of this version.', example: exampleUuid })
  uuid: string;

  @ApiProperty({
    description: '`config_url` or `url` of the data.',
    type: String,
    nullable: true,
    example: 'https://api.example.com/task',
  })
  config_url: string | null;

  @ApiProperty({ description: 'As poll_interval_seconds.', example: 30 })
  pooling_interval: number;

  @ApiProperty({
    description: 'Signed by central, of type `rivulet-configuration`: what an edge goes by.',
    example: 'eyJhbGciOiJFZERTQSJ9…',
  })
  statement: string;
}

export class AgentConfigurationVersionDto {
  @ApiProperty({ description: 'Number of the version.', example: 4 })
  version: number;

  @ApiProperty({ description: 'When to ask again, in seconds.', example: 30 })
  poll_interval_seconds: number;
}

export class UpdatedConfigurationDto {
  @ApiProperty({ description: 'That it was done.', example: 'Configuration updated successfully' })
  message: string;

  @ApiProperty({ description: 'Number of the version.', example: 5 })
  version: number;
}

export class ConfigurationReportDto {
  @ApiPropertyOptional({ description: 'The name of the configuration.', default: DEFAULT_NAME })
  @Omittable()
  @Matches(configurationNamePattern, { message: 'must be the name of a configuration' })
  name?: string;

  @ApiProperty({ description: 'The reported version.', example: 4 })
  @IsInt()
  @Min(1)
  @Max(2 ** 31 - 1)
  version: number;

  @ApiPropertyOptional({ description: 'The sequence of the statement.', example: 118 })
  @Omittable()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  sequence?: number;

  @ApiProperty({ description: 'The latest report.', enum: reportStatuses })
  @IsIn(reportStatuses)
  status: ReportStatus;

  @ApiPropertyOptional({
    description: 'The reason of a failure.',
    example: 'The worker answered 422.',
    maxLength: 1_000,
  })
  @Omittable()
  @IsString()
  @MaxLength(1_000)
  reason?: string;

  @ApiPropertyOptional({ description: 'The version that the workers run now.', example: 3 })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(2 ** 31 - 1)
  in_force_version?: number;

  @ApiPropertyOptional({
    description: 'SHA-256 of what the workers run now.',
    example: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  })
  @Omittable()
  @Matches(patterns.sha256, { message: 'must be a SHA-256 in hex' })
  in_force_sha256?: string;
}

export class ConfigurationReceiptDto {
  @ApiProperty({ description: 'False: a later report was taken before.', example: true })
  accepted: boolean;
}

export class ListedAgentDto {
  @ApiProperty({ description: 'ULID, in the registry.', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' })
  id: string;

  @ApiProperty({ description: 'The name of the agent.', example: 'agent-1' })
  hostname: string;

  @ApiProperty({ description: 'When it was registered.', example: '2024-01-01T00:00:00Z' })
  registered_at: Date;

  @ApiProperty({
    description:
      'When it was last heard. Written every 15 seconds, so null for so long after its first call.',
    type: Date,
    nullable: true,
    example: '2024-01-01T00:05:00Z',
  })
  last_poll: Date | null;

  @ApiProperty({ description: 'Its own description, or its labels.', example: 'region=us-west' })
  metadata: string;
}
