import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { patterns } from '@rivulet/protocol';
import type { DeviceProof } from '@rivulet/signatures';
import { IsString, Matches, MaxLength } from 'class-validator';
import type { ImportedKeys } from '../../devices/enrolment/import-keys';

const exampleManifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

export class ProofQueryDto {
  @ApiPropertyOptional({
    description: 'A manifest that the device applied; the latest one unless given.',
    example: exampleManifestId,
  })
  @Omittable()
  @Matches(patterns.ulid, { message: 'must be a ULID' })
  manifestId?: string;
}

export class DeviceProofDto implements DeviceProof {
  @ApiProperty({
    description: "Central's word that a key is the device's, of type `rivulet-device-key`.",
    example: 'eyJhbGciOiJFZERTQSIs….eyJjZW50….cfE',
  })
  deviceKey: string;

  @ApiProperty({
    description: 'The manifest, signed by central.',
    example: 'eyJhbGciOiJFZERTQSIs….eyJwcm90….Yz0',
  })
  manifest: string;

  @ApiProperty({
    description: "The report, signed with the device's key, of type `rivulet-report`.",
    example: 'eyJhbGciOiJFZERTQSIs….eyJkZXZp….b7M',
  })
  report: string;

  @ApiProperty({
    description:
      'By which each key of central has named the next, of type `rivulet-central-key`. None where there was one key only.',
    example: [],
    type: [String],
  })
  centralKeys: string[];
}

export class KeyListDto {
  @ApiProperty({
    description: 'A device a line: MAC address, public key (the `x` of its JWK), and its name if it has one.',
    example: '48:b0:2d:e9:c3:b7,11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo,SFO Lobby Gateway',
    maxLength: 1_000_000,
  })
  @IsString()
  @MaxLength(1_000_000)
  csv: string;
}

export class ImportedKeysDto implements ImportedKeys {
  @ApiProperty({ description: 'Devices that are new, or got their first key.', example: 1 })
  enrolled: number;

  @ApiProperty({ description: 'Devices that had this very key already.', example: 0 })
  unchanged: number;
}
