import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { patterns, type KeptCollection } from '@rivulet/protocol';
import { IsISO8601, Matches, MaxLength } from 'class-validator';
import { exampleTime, exampleUlid, IsUlid } from './field-rules';

const exampleDigest = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

export class KeptCollectionDto implements KeptCollection {
  @ApiProperty({ description: 'The job.', example: exampleUlid })
  @IsUlid()
  jobId: string;

  @ApiProperty({ description: '`revision` of the job in the schedule.', example: exampleDigest })
  @Matches(patterns.sha256, { message: 'must be a SHA-256 in hex' })
  revision: string;

  @ApiProperty({ description: 'The time of the schedule.', example: '2026-11-27T08:00:00.000Z' })
  @IsMoment()
  scheduledFor: string;

  @ApiProperty({ description: 'When the rows were read, by the clock of central.', example: exampleTime })
  @IsMoment()
  collectedAt: string;

  @ApiProperty({ description: 'The checksum of the rows.', example: exampleDigest })
  @Matches(patterns.sha256, { message: 'must be a SHA-256 in hex' })
  checksum: string;
}

export class KeptRunDto {
  @ApiProperty({ description: 'ULID of the run: offer the rows for it.', example: exampleUlid })
  runId: string;
}

function IsMoment(): PropertyDecorator {
  return applyDecorators(
    Matches(patterns.timestamp, { message: 'must be a time such as 2026-11-27T08:00:00.000Z' }),
    IsISO8601({ strict: true }, { message: 'must be a time that there is' }),
    MaxLength(30),
  );
}
