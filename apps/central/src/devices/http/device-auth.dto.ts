import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { patterns } from '@rivulet/protocol';
import { Equals, IsString, Matches, MaxLength } from 'class-validator';
import { deviceStatuses, type DeviceStatus } from '../device';

const exampleStatement = 'eyJhbGciOiJFZERTQSIsInR5cCI6InJpdnVsZXQtYXNzZXJ0aW9uIn0.eyJ…fQ.c2lnbmF0dXJl';
const exampleDeviceId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

/** RFC 7523, 2.1. */
const ASSERTION_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export class EnrolmentRequestDto {
  @ApiPropertyOptional({
    description: 'The enrolment token; not needed for a key that central has been told of.',
    example: 'rve_Qm9…c.kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    maxLength: 200,
  })
  @Omittable()
  @IsString()
  @MaxLength(200)
  token?: string;

  @ApiProperty({
    description: 'A statement of type `rivulet-enrolment`, signed with the key that is to be the device’s.',
    example: exampleStatement,
    maxLength: 4_000,
  })
  @IsString()
  @MaxLength(4_000)
  proof: string;
}

export class EnrolmentDto {
  @ApiProperty({ description: "The device's id in the registry, a ULID.", example: exampleDeviceId })
  deviceId: string;

  @ApiProperty({ description: '`pending` until an operator approves it.', enum: deviceStatuses })
  status: DeviceStatus;

  @ApiProperty({
    description: "A statement of type `rivulet-device-key`: central's word that the key is the device's.",
    example: exampleStatement,
  })
  statement: string;
}

export class TokenRequestDto {
  @ApiProperty({ description: 'As RFC 7523 has it.', example: ASSERTION_GRANT, enum: [ASSERTION_GRANT] })
  @Equals(ASSERTION_GRANT, { message: `must be ${ASSERTION_GRANT}` })
  grant_type: string;

  @ApiProperty({
    description: "A statement of type `rivulet-assertion`, signed with the device's key.",
    example: exampleStatement,
    maxLength: 4_000,
  })
  @IsString()
  @MaxLength(4_000)
  assertion: string;
}

export class AccessTokenDto {
  @ApiProperty({ description: 'To be sent as `Authorization: Bearer …`.', example: exampleStatement })
  access_token: string;

  @ApiProperty({ description: 'Always `Bearer`.', example: 'Bearer' })
  token_type: 'Bearer';

  @ApiProperty({ description: 'Seconds.', example: 600 })
  expires_in: number;
}

export class KeyRotationDto {
  @ApiProperty({
    description:
      "A statement of type `rivulet-key-rotation`, signed with the device's key, with one of the next key in it.",
    example: exampleStatement,
    maxLength: 4_000,
  })
  @IsString()
  @MaxLength(4_000)
  rotation: string;
}

export class NonceDto {
  @ApiProperty({
    description: 'New for each request, 16 to 64 characters of base64url. The statement repeats it.',
    example: 'q83vEjRWeJCrze8SNFZ4kA',
  })
  @Matches(patterns.nonce, { message: 'must be 16 to 64 characters of base64url' })
  nonce: string;
}

export class StatementDto {
  @ApiProperty({ description: 'The statement that central signed.', example: exampleStatement })
  statement: string;
}

export class KeyChainQueryDto {
  @ApiProperty({
    description: 'Thumbprint of the key that the device trusts.',
    example: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  })
  @Matches(patterns.thumbprint, { message: 'must be 43 characters of base64url' })
  from: string;
}

export class KeyChainDto {
  @ApiProperty({
    description:
      'Statements of type `rivulet-central-key`, the first signed by that key; none of an unknown or the present one. At most 100.',
    example: [exampleStatement],
  })
  statements: string[];
}
