import { ApiProperty } from '@nestjs/swagger';
import type { RotatedKey } from './call-authentication';

export class RotatedKeyDto implements RotatedKey {
  @ApiProperty({ description: "The device's id at central.", example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' })
  deviceId: string;

  @ApiProperty({
    description: 'Thumbprint of the key that the device has now.',
    example: 'Qm9yZGVyIGNvbGxpZXMgYXJlIGNsZXZlciBkb2dzLiE',
  })
  keyThumbprint: string;

  @ApiProperty({
    description: 'Thumbprint of the key that it had.',
    example: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  })
  replacedThumbprint: string;
}
