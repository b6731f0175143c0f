import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { errorCatalogue, type ErrorCode } from '@rivulet/errors';
import { IsMoment, Omittable } from '@rivulet/platform';
import { MANIFEST_MAX_TABLES, type Acknowledgement } from '@rivulet/protocol';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsDatasetName, IsSha256, IsUlid, NamesEachTableOnce, OnlyWithStatus } from './field-rules';

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const isUndefined = (value: unknown): boolean => value === undefined;

const exampleManifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const exampleChecksum = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

export class AcknowledgedTableDto {
  @ApiProperty({ description: "The dataset's name.", example: 'users', maxLength: 63 })
  @IsDatasetName()
  name: string;

  @ApiProperty({ description: 'Rows that were read back.', example: 1042 })
  @IsInt()
  @Min(0)
  rows: number;

  @ApiProperty({ description: 'The checksum of the rows that were read back.', example: exampleChecksum })
  @IsSha256()
  checksum: string;
}

export class AcknowledgedErrorDto {
  @ApiProperty({ description: 'One of docs/error-codes.md.', example: 'CHECKSUM_MISMATCH' })
  @IsIn(Object.keys(errorCatalogue))
  code: ErrorCode;

  @ApiProperty({
    description: 'The reason, in a sentence.',
    example: 'Table users reads back as 1041 rows; the manifest promises 1042.',
    maxLength: 2000,
  })
  @IsString()
  @MaxLength(2000)
  message: string;
}

export class AcknowledgementDto implements Acknowledgement {
  @ApiProperty({ description: 'The manifest that is reported on.', example: exampleManifestId })
  @IsUlid()
  manifestId: string;

  @ApiProperty({ description: 'Whether the mirrors are now equal to it.', enum: ['applied', 'failed'] })
  @IsIn(['applied', 'failed'])
  status: 'applied' | 'failed';

  @ApiProperty({ description: "The edge's id of the sync cycle.", example: '01KAJ9V9S0Q1Y8XG4M2J6T5N3P' })
  @IsUlid()
  cycleId: string;

  @ApiProperty({
    description: "RFC 3339 with a zone, by the edge's clock, which may be wrong.",
    example: '2026-11-21T08:00:03.120Z',
  })
  @IsMoment()
  finishedAt: string;

  @ApiProperty({ description: 'How long the cycle took, in milliseconds.', example: 412 })
  @IsInt()
  @Min(0)
  @Max(2 ** 31 - 1)
  durationMs: number;

  @ApiProperty({
    description: 'The tables as read back from the database of the edge, for `applied`.',
    type: [AcknowledgedTableDto],
    maxItems: 1000,
  })
  @IsArray()
  @ArrayMaxSize(MANIFEST_MAX_TABLES)
  @OnlyWithStatus('applied', isEmptyList, 'must be empty: status is not applied')
  @NamesEachTableOnce()
  @ValidateNested({ each: true })
  @Type(() => AcknowledgedTableDto)
  tables: AcknowledgedTableDto[];

  @ApiPropertyOptional({
    description: 'Why the manifest could not be applied, for `failed`.',
    type: AcknowledgedErrorDto,
  })
  @Omittable()
  @OnlyWithStatus('failed', isUndefined, 'must be left out: status is not failed')
  @ValidateNested()
  @Type(() => AcknowledgedErrorDto)
  error?: AcknowledgedErrorDto;

  @ApiPropertyOptional({
    description:
      'All of the above and the `deviceId`, signed by the device, of type `rivulet-report`. A device with a key must send it.',
    example: 'eyJhbGciOiJFZERTQSIsInR5cCI6InJpdnVsZXQtcmVwb3J0In0.eyJ…fQ.c2lnbmF0dXJl',
    maxLength: 400_000,
  })
  @Omittable()
  @IsString()
  @MaxLength(400_000)
  statement?: string;
}

export class AcknowledgementReceiptDto {
  @ApiProperty({ description: 'The manifest that was reported on.', example: exampleManifestId })
  manifestId: string;

  @ApiProperty({ description: 'The outcome on record now.', enum: ['applied', 'failed'] })
  status: 'applied' | 'failed';

  @ApiProperty({ description: 'Whether this manifest had been acknowledged before.', example: false })
  repeated: boolean;
}
