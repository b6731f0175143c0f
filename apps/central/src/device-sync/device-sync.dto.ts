import { ApiProperty, ApiPropertyOptional, ApiExtraModels } from '@nestjs/swagger';
import { RivuletError } from '@rivulet/errors';
import { CheckFirst, Omittable, requestInvalid } from '@rivulet/platform';
import {
  MANIFEST_MAX_TABLES,
  patterns,
  PROTOCOL_VERSION,
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
  IsInt,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';

import { IsDatasetName, IsSha256, IsUlid, NamesEachTableOnce } from './field-rules';

const exampleManifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const exampleChecksum = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

export class HeldTableDto implements DeviceTable {
  @ApiProperty({ description: "The dataset's name.", example: 'users', maxLength: 63 })
  @IsDatasetName()
  name: string;

  @ApiProperty({ description: 'The schema fingerprint of the mirror.', example: exampleChecksum })
  @IsSha256()
  fingerprint: string;

  @ApiProperty({ description: 'The checksum of the mirror.', example: exampleChecksum })
  @IsSha256()
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
  @IsUlid()
  lastManifestId?: string;

  @ApiPropertyOptional({ description: 'The schema version of that manifest.', example: exampleChecksum })
  @Omittable()
  @IsSha256()
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
