import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { IsString, MaxLength } from 'class-validator';
import { deviceKinds, deviceStatuses, type DeviceKind, type DeviceStatus } from '../../devices/device';
import { AreLabels } from '../../devices/label-rules';
import { exampleMac, exampleTime, IsDeviceName, labelsSchema } from './device-fields';

export class NewNetworkDto {
  @ApiProperty({
    description: 'The name that its agent registers with.',
    example: 'tenant-1',
    maxLength: 100,
  })
  @IsDeviceName()
  name: string;

  @ApiPropertyOptional({ description: 'Needed for what syncs.', example: exampleMac })
  @Omittable()
  @IsString()
  @MaxLength(40)
  mac_address?: string;

  @ApiPropertyOptional({ description: 'Labels.', ...labelsSchema })
  @Omittable()
  @AreLabels()
  labels?: Record<string, string>;
}

export class NetworkChangesDto {
  @ApiPropertyOptional({ description: 'The name.', example: 'tenant-1', maxLength: 100 })
  @Omittable()
  @IsDeviceName()
  name?: string;

  @ApiPropertyOptional({ description: 'Labels.', ...labelsSchema })
  @Omittable()
  @AreLabels()
  labels?: Record<string, string>;
}

export class NetworkDto {
  @ApiProperty({ description: 'ULID.', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' })
  id: string;

  @ApiProperty({ description: 'The name.', example: 'tenant-1' })
  name: string;

  @ApiProperty({ description: 'Its MAC address.', example: null, nullable: true, type: String })
  mac_address: string | null;

  @ApiProperty({ description: 'The kind of device.', enum: deviceKinds })
  kind: DeviceKind;

  @ApiProperty({
    description: 'Whether it is connected. One that misses three heartbeats is offline.',
    enum: ['online', 'offline'],
  })
  status: 'online' | 'offline';

  @ApiProperty({ description: 'Only an active one is served.', enum: deviceStatuses })
  registry_status: DeviceStatus;

  @ApiProperty({ description: 'Labels.', ...labelsSchema })
  labels: Record<string, string>;

  @ApiProperty({
    description: 'The version of its software.',
    example: '1.0.0',
    nullable: true,
    type: String,
  })
  version: string | null;

  @ApiProperty({
    description: 'Where it called from last.',
    example: '192.0.2.7',
    nullable: true,
    type: String,
  })
  address: string | null;

  @ApiProperty({
    description: 'Its latest measurements.',
    type: 'object',
    additionalProperties: true,
    nullable: true,
    example: { cpu_usage: 45.2, memory_usage: 62.8 },
  })
  metrics: Record<string, unknown> | null;

  @ApiProperty({
    description:
      'When it was heard last. Written every 15 seconds, so null for so long after its first call.',
    example: exampleTime,
    nullable: true,
    type: String,
  })
  last_seen: Date | null;

  @ApiProperty({ description: 'When it was created.', example: exampleTime })
  created_at: Date;

  @ApiProperty({ description: 'When it was changed last.', example: exampleTime })
  updated_at: Date;
}
