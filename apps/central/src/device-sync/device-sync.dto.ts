import { ApiProperty, ApiPropertyOptional, ApiExtraModels } from '@nestjs/swagger';
import { errorCatalogue, RivuletError, type ErrorCode } from '@rivulet/errors';
import { CheckFirst, Omittable, requestInvalid } from '@rivulet/platform';
import {
  MANIFEST_MAX_TABLES,
  patterns,
  PROTOCOL_VERSION,
  type Acknowledgement,
  type DeviceTable,
  type SyncRequest,
  type WorkingResponse,
} from '@rivulet/protocol';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  Equals,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';

import { IsDatasetName, IsMoment, NamesEachTableOnce, OnlyWithStatus } from './field-rules';

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const isUndefined = (value: unknown): boolean => value === undefined;

const exampleManifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const exampleChecksum = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

const SHA256 = { message: 'must be a SHA-256 as 64 lower-case hexadecimal digits' };
const ULID = { message: 'must be a ULID' };

export class HeldTableDto implements DeviceTable {
  @ApiProperty({ description: "The dataset's name.", example: 'users', maxLength: 63 })
  @IsDatasetName()
  name: string;

  @ApiProperty({ description: 'The schema fingerprint of the mirror.', example: exampleChecksum })
  @Matches(patterns.sha256, SHA256)
  fingerprint: string;

  @ApiProperty({ description: 'The checksum of the mirror.', example: exampleChecksum })
  @Matches(patterns.sha256, SHA256)
  checksum: string;
}

/** A device of another version may send fields that mean nothing here: the version alone is what it must learn. */
function refuseOtherVersions({ protocolVersion }: Record<string, unknown>): void {
  if (protocolVersion === undefined) {
    throw requestInvalid([{ field: 'protocolVersion', reason: 'is missing' }]);
  }
  if (typeof protocolVersion !== 'number' || !Number.isSafeInteger(protocolVersion) || protocolVersion < 1) {
    throw requestInvalid([{ field: 'protocolVersion', reason: 'must be a whole number, 1 or more' }]);
  }
  if (protocolVersion !== PROTOCOL_VERSION) {
    throw new RivuletError(
      'PROTOCOL_UNSUPPORTED',
      `The device speaks protocol version ${protocolVersion}; this central speaks ${PROTOCOL_VERSION}.`,
    );
  }
}

@CheckFirst(refuseOtherVersions)
export class SyncRequestDto implements SyncRequest {
  @ApiProperty({ description: 'The version of the protocol that the device speaks.', example: 1 })
  @Equals(PROTOCOL_VERSION)
  protocolVersion: number;

  @ApiProperty({
    description: 'New for each request, 16 to 64 characters of base64url. The manifest repeats it.',
    example: 'q83vEjRWeJCrze8SNFZ4kA',
  })
  @Matches(patterns.nonce, { message: 'must be 16 to 64 characters of base64url' })
  nonce: string;

  @ApiPropertyOptional({ description: 'The manifest that was applied last.', example: exampleManifestId })
  @Omittable()
  @Matches(patterns.ulid, ULID)
  lastManifestId?: string;

  @ApiPropertyOptional({ description: 'The schema version of that manifest.', example: exampleChecksum })
  @Omittable()
  @Matches(patterns.sha256, SHA256)
  schemaVersion?: string;

  @ApiPropertyOptional({ description: 'The epoch of that manifest.', example: 1, minimum: 1 })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(2 ** 31 - 1)
  lastEpoch?: number;

  @ApiPropertyOptional({ description: 'The sequence of that manifest.', example: 42, minimum: 1 })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  lastSequence?: number;

  @ApiProperty({ description: 'The mirrors that the device has.', type: [HeldTableDto], maxItems: 1000 })
  @IsArray()
  @ArrayMaxSize(MANIFEST_MAX_TABLES)
  @NamesEachTableOnce()
  @ValidateNested({ each: true })
  @Type(() => HeldTableDto)
  tables: HeldTableDto[];

  @ApiPropertyOptional({
    description: 'Asks for tables that differ to be sent as chunks, not as patches.',
    example: false,
    default: false,
  })
  @Omittable()
  @IsBoolean()
  wholeTables?: boolean;
}

export class TablePlanDto {
  @ApiProperty({ description: "The dataset's name.", example: 'users' })
  name: string;

  @ApiProperty({
    description:
      '`keep` the mirror as it is, `patch` it, as it was held, by the frames, or `load` it from the chunks.',
    enum: ['keep', 'patch', 'load'],
  })
  action: 'keep' | 'patch' | 'load';

  @ApiPropertyOptional({
    description: 'Digests of the frames with the patch, for `patch`.',
    example: [exampleChecksum],
  })
  frames?: string[];

  @ApiPropertyOptional({
    description: "Digests of the table's chunks in order, for `load`. They make up the manifest's checksum.",
    example: [exampleChecksum],
  })
  chunks?: string[];
}

export class SyncPlanDto {
  @ApiProperty({
    description: "One entry for each of the manifest's tables, in its order.",
    type: [TablePlanDto],
  })
  tables: TablePlanDto[];

  @ApiProperty({ description: 'Bytes of all frames of the payload.', example: 38211 })
  wireBytes: number;
}

export class WorkingResponseDto implements WorkingResponse {
  @ApiProperty({ description: 'The answer is still being made.', enum: ['working'] })
  status: 'working';
}

@ApiExtraModels(SyncPlanDto)
export class SyncResponseDto {
  @ApiProperty({
    description:
      '`current`: the device has all that it may have. `update`: here is a manifest, and how to get to it.',
    enum: ['current', 'update'],
  })
  status: 'current' | 'update';

  @ApiPropertyOptional({
    description: 'For `current`: the manifest that the device has.',
    example: exampleManifestId,
  })
  manifestId?: string;

  @ApiPropertyOptional({
    description: 'For `current`: the same with the nonce of the request, signed; of type `rivulet-current`.',
    example: 'eyJhbGciOiJFZERTQSIsInR5cCI6InJpdnVsZXQtY3VycmVudCJ9.eyJ…fQ.c2lnbmF0dXJl',
  })
  statement?: string;

  @ApiPropertyOptional({
    description: 'For `update`: the signed manifest, a compact JWS. docs/protocol.md describes its payload.',
    example: 'eyJhbGciOiJFZERTQSIsInR5cCI6InJpdnVsZXQtbWFuaWZlc3QifQ.eyJ…fQ.c2lnbmF0dXJl',
  })
  manifest?: string;

  @ApiPropertyOptional({
    description: 'For `update`: how to get from what the device has to the manifest.',
    type: SyncPlanDto,
  })
  plan?: SyncPlanDto;

  @ApiPropertyOptional({
    description: 'For `update`: an operator wants every mirror to be refilled, whatever is recorded of it.',
    example: true,
  })
  resync?: boolean;
}

export class AcknowledgedTableDto {
  @ApiProperty({ description: "The dataset's name.", example: 'users', maxLength: 63 })
  @IsDatasetName()
  name: string;

  @ApiProperty({ description: 'Rows that were read back.', example: 1042 })
  @IsInt()
  @Min(0)
  rows: number;

  @ApiProperty({ description: 'The checksum of the rows that were read back.', example: exampleChecksum })
  @Matches(patterns.sha256, SHA256)
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
  @Matches(patterns.ulid, ULID)
  manifestId: string;

  @ApiProperty({ description: 'Whether the mirrors are now equal to it.', enum: ['applied', 'failed'] })
  @IsIn(['applied', 'failed'])
  status: 'applied' | 'failed';

  @ApiProperty({ description: "The edge's id of the sync cycle.", example: '01KAJ9V9S0Q1Y8XG4M2J6T5N3P' })
  @Matches(patterns.ulid, ULID)
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
    description: 'What was read back from the database of the edge, for `applied`.',
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

  @ApiProperty({ description: 'What is on record now.', enum: ['applied', 'failed'] })
  status: 'applied' | 'failed';

  @ApiProperty({ description: 'Whether this manifest had been acknowledged before.', example: false })
  repeated: boolean;
}
