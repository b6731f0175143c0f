import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { deviceKinds, deviceStatuses, type DeviceKind, type DeviceStatus } from '../../devices/device';
import type { KeyOfDevice } from '../../devices/registry/device-keys';
import type { RegisteredDevice } from '../../devices/registry/registered-device';
import type { DeviceSync } from '../../device-sync/device-history';
import { exampleMac, exampleTime, labelsSchema } from './device-fields';
import type { DeviceDetail, DevicePreview, ScopeOfDevice } from './device-operations.service';

const exampleDeviceId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const exampleChecksum = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

export class DeviceDto implements RegisteredDevice {
  @ApiProperty({ description: 'ULID.', example: exampleDeviceId })
  deviceId: string;

  @ApiProperty({ description: 'The display name.', example: 'SFO Lobby Gateway' })
  name: string;

  @ApiProperty({
    description: 'Its MAC address, in its normal form.',
    example: exampleMac,
    nullable: true,
    type: String,
  })
  macAddress: string | null;

  @ApiProperty({ description: 'An edge has a key, an agent a token.', enum: deviceKinds })
  kind: DeviceKind;

  @ApiProperty({ description: 'Only an active device is served.', enum: deviceStatuses })
  status: DeviceStatus;

  @ApiProperty({ description: 'Why it has this status.', example: null, nullable: true, type: String })
  statusReason: string | null;

  @ApiProperty({ description: 'Labels.', ...labelsSchema })
  labels: Record<string, string>;

  @ApiProperty({
    description: 'The version of its software.',
    example: '0.1.0',
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
    example: { cpu_usage: 45.2 },
  })
  metrics: Record<string, unknown> | null;

  @ApiProperty({
    description: 'Whether it is connected, over TCP or WebSocket. One that only polls is not.',
    example: true,
  })
  online: boolean;

  @ApiProperty({
    description:
      'When it was heard last. Written every 15 seconds, so null for so long after its first call.',
    example: exampleTime,
    nullable: true,
    type: String,
  })
  lastSeenAt: Date | null;

  @ApiProperty({
    description: 'Since when it is to get every row again.',
    example: null,
    nullable: true,
    type: String,
  })
  resyncSince: Date | null;

  @ApiProperty({ description: 'When it was registered.', example: exampleTime })
  createdAt: Date;

  @ApiProperty({ description: 'When this was changed last.', example: exampleTime })
  changedAt: Date;
}

export class DevicePageDto {
  @ApiProperty({ description: 'The devices of this page.', type: [DeviceDto] })
  devices: DeviceDto[];

  @ApiPropertyOptional({
    description: 'For the next page; missing on the last one.',
    example: 'WyJuYW1lIiwi…',
  })
  cursor?: string;
}

class KeyDto implements KeyOfDevice {
  @ApiProperty({ description: 'RFC 7638.', example: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k' })
  thumbprint: string;

  @ApiProperty({
    description: '`next` takes the place of the active one when it is used first.',
    enum: ['active', 'next', 'retired'],
  })
  status: 'active' | 'next' | 'retired';

  @ApiProperty({ description: 'When central learnt of it.', example: exampleTime })
  createdAt: Date;

  @ApiProperty({ description: 'When it was retired.', example: null, nullable: true, type: String })
  retiredAt: Date | null;
}

class SyncedTableDto {
  @ApiProperty({ description: "The dataset's name.", example: 'users' })
  name: string;

  @ApiProperty({ description: 'Rows that were read back.', example: 1032 })
  rows: number;

  @ApiProperty({ description: 'The checksum of what was read back.', example: exampleChecksum })
  checksum: string;
}

class DeviceSyncDto implements DeviceSync {
  @ApiProperty({ description: 'ULID.', example: exampleDeviceId })
  manifestId: string;

  @ApiProperty({ description: "The epoch of central's database.", example: 1 })
  epoch: number;

  @ApiProperty({ description: 'The number of the manifest.', example: 42 })
  sequence: number;

  @ApiProperty({ description: 'When it was issued.', example: exampleTime })
  issuedAt: Date;

  @ApiProperty({
    description: 'The outcome that the device reported.',
    enum: ['applied', 'failed'],
    nullable: true,
  })
  status: 'applied' | 'failed' | null;

  @ApiProperty({ description: 'When it did so first.', example: exampleTime, nullable: true, type: String })
  acknowledgedAt: Date | null;

  @ApiProperty({ description: 'The code of a failure.', example: null, nullable: true, type: String })
  errorCode: string | null;

  @ApiProperty({ description: 'The message of a failure.', example: null, nullable: true, type: String })
  errorMessage: string | null;

  @ApiProperty({ description: 'The tables that the device proved.', type: [SyncedTableDto] })
  tables: SyncedTableDto[];
}

export class DeviceDetailDto extends DeviceDto implements DeviceDetail {
  @ApiProperty({ description: 'Its keys, the latest first.', type: [KeyDto] })
  keys: KeyDto[];

  @ApiProperty({
    description: 'The parameters that say what it may see, or `code` and `reason` where there are none.',
    type: 'object',
    additionalProperties: true,
    example: { parameters: { company_id: '1' } },
  })
  scope: ScopeOfDevice;

  @ApiProperty({ description: 'Its latest manifests, the latest first.', type: [DeviceSyncDto] })
  syncs: DeviceSyncDto[];

  @ApiProperty({ description: 'Its latest proof.', type: DeviceSyncDto, nullable: true })
  proved: DeviceSyncDto | null;
}

class PreviewedDatasetDto {
  @ApiProperty({ description: "The dataset's name.", example: 'users' })
  name: string;

  @ApiProperty({ description: 'Its table on the device.', example: 'users' })
  table: string;

  @ApiProperty({ description: 'Rows.', example: 1032 })
  rows: number;

  @ApiProperty({ description: 'Bytes of the rows in canonical form.', example: 301857 })
  bytes: number;

  @ApiProperty({ description: 'The checksum that the device would have to prove.', example: exampleChecksum })
  checksum: string;
}

export class DevicePreviewDto implements DevicePreview {
  @ApiProperty({ description: 'ULID.', example: exampleDeviceId })
  deviceId: string;

  @ApiProperty({ description: 'The datasets that it would get now.', type: [PreviewedDatasetDto] })
  datasets: PreviewedDatasetDto[];
}
