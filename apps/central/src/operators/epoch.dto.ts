import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { IsInt, Max, Min } from 'class-validator';
import { EPOCH_MAX, type RaisedEpoch } from '../device-sync/epoch.service';

export class RaiseEpochDto {
  @ApiPropertyOptional({
    description:
      'The highest epoch that devices have seen, where it is higher than that of the database, by less than 1,000. /health has it.',
    example: 3,
    minimum: 1,
    maximum: EPOCH_MAX - 1,
  })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(EPOCH_MAX - 1)
  above?: number;
}

export class RaisedEpochDto implements RaisedEpoch {
  @ApiProperty({ description: 'The epoch until now.', example: 1 })
  before: number;

  @ApiProperty({ description: 'The epoch of all manifests from now on.', example: 2 })
  epoch: number;

  @ApiProperty({ description: 'Devices that were refused for it, and are served again.', example: 4 })
  released: number;
}
