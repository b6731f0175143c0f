import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { IsBoolean, IsIn, IsInt, IsString, Max, MaxLength, Min } from 'class-validator';
import { deviceKinds, type DeviceKind } from '../devices/device';
import type { EnrolmentToken } from '../devices/enrolment/enrolment-tokens';
import { AreLabels } from '../devices/label-rules';

const exampleTime = '2026-11-27T08:15:30.000Z';
const exampleLabels = { site: 'SFO' };

export class NewEnrolmentTokenDto {
  @ApiPropertyOptional({
    description: 'For an edge, which has a key, or for an agent, which gets a token.',
    enum: deviceKinds,
    default: 'edge',
  })
  @Omittable()
  @IsIn(deviceKinds)
  kind?: DeviceKind;

  @ApiPropertyOptional({
    description: 'How many devices may use it.',
    default: 1,
    minimum: 1,
    maximum: 10_000,
  })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(10_000)
  uses?: number;

  @ApiPropertyOptional({
    description: 'How long it may be used, in seconds.',
    default: 900,
    minimum: 60,
    maximum: 3_600,
  })
  @Omittable()
  @IsInt()
  @Min(60)
  @Max(3_600)
  expiresInSeconds?: number;

  @ApiPropertyOptional({
    description: 'The only device that may use it. It also replaces the key of that device.',
    example: '48:b0:2d:e9:c3:b7',
  })
  @Omittable()
  @IsString()
  @MaxLength(40)
  macAddress?: string;

  @ApiPropertyOptional({
    description: 'The labels that the devices get.',
    type: 'object',
    additionalProperties: { type: 'string' },
    example: exampleLabels,
  })
  @Omittable()
  @AreLabels()
  labels?: Record<string, string>;

  @ApiPropertyOptional({
    description:
      'Whether an operator approves each device before it is served. Unless said: where the token is for an edge, and has neither a MAC address nor labels.',
    example: true,
  })
  @Omittable()
  @IsBoolean()
  needsApproval?: boolean;
}

export class EnrolmentTokenDto implements EnrolmentToken {
  @ApiProperty({ description: 'ULID; not the token itself.', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' })
  tokenId: string;

  @ApiProperty({ description: 'For what kind of device.', enum: deviceKinds })
  kind: DeviceKind;

  @ApiProperty({ description: 'How many devices may use it.', example: 1 })
  uses: number;

  @ApiProperty({ description: 'How many still may.', example: 1 })
  usesLeft: number;

  @ApiProperty({
    description: 'The only device that may use it.',
    example: null,
    nullable: true,
    type: String,
  })
  macAddress: string | null;

  @ApiProperty({
    description: 'The labels that the devices get.',
    type: 'object',
    additionalProperties: { type: 'string' },
    example: exampleLabels,
  })
  labels: Record<string, string>;

  @ApiProperty({ description: 'Whether an operator approves each device.', example: false })
  needsApproval: boolean;

  @ApiProperty({ description: 'Who made it.', example: 'ada' })
  createdBy: string;

  @ApiProperty({ description: 'When it was made.', example: exampleTime })
  createdAt: Date;

  @ApiProperty({ description: 'Until when it may be used.', example: exampleTime })
  expiresAt: Date;

  @ApiProperty({ description: 'When an operator ended it.', example: null, nullable: true, type: String })
  revokedAt: Date | null;
}

export class CreatedEnrolmentTokenDto extends EnrolmentTokenDto {
  @ApiProperty({
    description:
      'The token. It is shown this once. For an edge it names the key of central, which the edge then trusts.',
    example: 'rve_Qm9…c.kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  })
  token: string;
}
