import { ApiProperty } from '@nestjs/swagger';
import type { KnownSigningKey, RotatedSigningKey } from '../signing/signing-keys';

const exampleKey = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k';

export class SigningKeyDto implements KnownSigningKey {
  @ApiProperty({ description: 'By which edges trust it (RFC 7638).', example: exampleKey })
  thumbprint: string;

  @ApiProperty({ description: 'Among the keys of this central, from 1.', example: 2 })
  number: number;

  @ApiProperty({ description: 'When it was made.', example: '2026-11-21T08:00:03.251Z' })
  createdAt: Date;

  @ApiProperty({
    description: 'When the next one took its place; null of the present one.',
    type: String,
    format: 'date-time',
    nullable: true,
    example: null,
  })
  retiredAt: Date | null;
}

export class RotatedSigningKeyDto implements RotatedSigningKey {
  @ApiProperty({ description: 'Thumbprint of the key until now.', example: exampleKey })
  before: string;

  @ApiProperty({ description: 'Thumbprint of the key from now on.', example: exampleKey })
  thumbprint: string;

  @ApiProperty({ description: 'The epoch of all manifests from now on.', example: 2 })
  epoch: number;
}
