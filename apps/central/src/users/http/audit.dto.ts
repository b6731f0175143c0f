import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsMoment, Omittable } from '@rivulet/platform';
import { Type } from 'class-transformer';
import { IsInt, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { AuditRow } from '../audit/audit-list';

const exampleTime = '2026-11-27T08:15:30.000Z';
const exampleId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

export class AuditFilterDto {
  @ApiPropertyOptional({ description: 'The user name of who made the change.', example: 'ada' })
  @Omittable()
  @IsString()
  @MaxLength(64)
  actor?: string;

  @ApiPropertyOptional({ description: 'The action: `device.revoke`, or `device` for all actions of a kind.' })
  @Omittable()
  @Matches(/^[a-z][a-z.-]{0,63}$/, { message: 'must be an action such as device.revoke' })
  action?: string;

  @ApiPropertyOptional({ description: 'The kind of object: device, user …', example: 'device' })
  @Omittable()
  @IsString()
  @MaxLength(64)
  targetKind?: string;

  @ApiPropertyOptional({ description: 'The id of what it was done to.', example: exampleId })
  @Omittable()
  @IsString()
  @MaxLength(320)
  targetId?: string;

  @ApiPropertyOptional({ description: 'Only entries at or after this time.', example: exampleTime })
  @Omittable()
  @IsMoment()
  since?: string;

  @ApiPropertyOptional({ description: 'Only entries before this time.', example: exampleTime })
  @Omittable()
  @IsMoment()
  until?: string;
}

export class AuditQueryDto extends AuditFilterDto {
  @ApiPropertyOptional({ description: 'Entries of a page.', default: 100, minimum: 1, maximum: 500 })
  @Omittable()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit?: number;

  @ApiPropertyOptional({ description: 'The cursor of the previous page.', example: '4711' })
  @Omittable()
  @Matches(/^\d{1,18}$/, { message: 'must be the cursor of a page' })
  cursor?: string;
}

class AuditEntryDto implements AuditRow {
  @ApiProperty({ description: 'Later entries have higher ones.', example: '4711' })
  auditId: string;

  @ApiProperty({ description: 'When.', example: exampleTime })
  at: Date;

  @ApiProperty({ description: 'Who: a user.', example: exampleId, nullable: true, type: String })
  actorId: string | null;

  @ApiProperty({ description: 'The name of the user at that time.', example: 'ada' })
  actorName: string;

  @ApiProperty({
    description: 'session, password or api-key.',
    nullable: true,
    type: String,
    example: 'session',
  })
  via: string | null;

  @ApiProperty({
    description: 'The id of the session or key.',
    nullable: true,
    type: String,
    example: exampleId,
  })
  viaId: string | null;

  @ApiProperty({ description: 'From where.', nullable: true, type: String, example: '192.0.2.7' })
  address: string | null;

  @ApiProperty({ description: 'As in the log.', nullable: true, type: String, example: 'req-1' })
  requestId: string | null;

  @ApiProperty({ description: 'The action.', example: 'device.revoke' })
  action: string;

  @ApiProperty({ description: 'To what.', example: 'device' })
  targetKind: string;

  @ApiProperty({ description: 'Its id.', example: exampleId })
  targetId: string;

  @ApiProperty({
    description: 'How it was before.',
    example: { name: 'gate' },
    type: 'object',
    additionalProperties: true,
    nullable: true,
  })
  before: unknown;

  @ApiProperty({
    description: 'How it is since.',
    example: { name: 'door' },
    type: 'object',
    additionalProperties: true,
    nullable: true,
  })
  after: unknown;
}

export class AuditPageDto {
  @ApiProperty({ description: 'The entries of this page, the latest first.', type: [AuditEntryDto] })
  entries: AuditEntryDto[];

  @ApiPropertyOptional({ description: 'For the next page; missing on the last one.', example: '4711' })
  cursor?: string;
}
