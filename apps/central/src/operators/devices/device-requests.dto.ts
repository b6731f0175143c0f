import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsMoment, Omittable } from '@rivulet/platform';
import { Transform } from 'class-transformer';
import { IsIn, IsInt, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { deviceKinds, deviceStatuses, type DeviceKind, type DeviceStatus } from '../../devices/device';
import { deviceSorts } from '../../devices/registry/device-list';
import { AreLabels } from '../../devices/label-rules';
import { exampleMac, exampleTime, IsDeviceName, labelsSchema } from './device-fields';

const sorts = deviceSorts.flatMap((sort) => [sort, `-${sort}`]);

export class DevicesQueryDto {
  @ApiPropertyOptional({ description: 'Only devices with this status.', enum: deviceStatuses })
  @Omittable()
  @IsIn(deviceStatuses)
  status?: DeviceStatus;

  @ApiPropertyOptional({ description: 'Only devices of this kind.', enum: deviceKinds })
  @Omittable()
  @IsIn(deviceKinds)
  kind?: DeviceKind;

  @ApiPropertyOptional({ description: 'Only devices with all of these labels.', example: 'site:SFO,floor:2' })
  @Omittable()
  @Matches(/^[^:,]{1,63}:[^,]{0,128}(,[^:,]{1,63}:[^,]{0,128}){0,31}$/, {
    message: 'must be labels as site:SFO, separated by commas',
  })
  labels?: string;

  @ApiPropertyOptional({
    description: 'Only devices with this in their name, in capitals or not.',
    example: 'lobby',
  })
  @Omittable()
  @IsString()
  @MaxLength(100)
  name?: string;

  @ApiPropertyOptional({ description: 'Only the device with this MAC address.', example: exampleMac })
  @Omittable()
  @IsString()
  @MaxLength(40)
  macAddress?: string;

  @ApiPropertyOptional({ description: 'Only devices that were heard after this.', example: exampleTime })
  @Omittable()
  @IsMoment()
  seenAfter?: string;

  @ApiPropertyOptional({
    description: 'Only devices that were not heard since, or never.',
    example: exampleTime,
  })
  @Omittable()
  @IsMoment()
  seenBefore?: string;

  @ApiPropertyOptional({
    description: 'The order; with a minus sign from the end.',
    enum: sorts,
    default: 'name',
  })
  @Omittable()
  @IsIn(sorts)
  sort?: string;

  @ApiPropertyOptional({
    description: 'Devices on a page.',
    minimum: 1,
    maximum: 500,
    default: 100,
    type: Number,
  })
  @Omittable()
  @Transform(({ value }: { value: unknown }) => (/^\d{1,4}$/.test(String(value)) ? Number(value) : value))
  @IsInt()
  @Min(1)
  @Max(500)
  limit?: number;

  @ApiPropertyOptional({ description: 'The cursor of the page before, for the next one.' })
  @Omittable()
  @IsString()
  @MaxLength(1_000)
  cursor?: string;
}

export class NewDeviceDto {
  @ApiProperty({ description: 'The display name.', example: 'SFO Lobby Gateway', maxLength: 100 })
  @IsDeviceName()
  name: string;

  @ApiPropertyOptional({
    description: 'An edge has a key, an agent a token.',
    enum: deviceKinds,
    default: 'edge',
  })
  @Omittable()
  @IsIn(deviceKinds)
  kind?: DeviceKind;

  @ApiPropertyOptional({ description: 'Needed for what syncs.', example: exampleMac })
  @Omittable()
  @IsString()
  @MaxLength(40)
  macAddress?: string;

  @ApiPropertyOptional({ description: 'Labels.', ...labelsSchema })
  @Omittable()
  @AreLabels()
  labels?: Record<string, string>;
}

export class DeviceChangesDto {
  @ApiPropertyOptional({ description: 'The display name.', example: 'SFO Lobby Gateway', maxLength: 100 })
  @Omittable()
  @IsDeviceName()
  name?: string;

  @ApiPropertyOptional({ description: 'All labels that it is to have.', ...labelsSchema })
  @Omittable()
  @AreLabels()
  labels?: Record<string, string>;
}

export class RevocationDto {
  @ApiPropertyOptional({ description: 'Why, for those who look later.', example: 'stolen', maxLength: 200 })
  @Omittable()
  @Matches(/^[^\p{Cc}]{1,200}$/u, { message: 'must be 1 to 200 characters' })
  reason?: string;
}
