import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { errorCatalogue, type ErrorCode, type FieldError } from '@rivulet/errors';
import type { Problem } from './problem';

export class FieldErrorDto implements FieldError {
  @ApiProperty({ description: 'Path of the field in the request.', example: 'tables[2].checksum' })
  field: string;

  @ApiProperty({
    description: 'The reason why the field is refused.',
    example: 'must be a SHA-256 digest in hexadecimal',
  })
  reason: string;
}

export class ProblemDto implements Problem {
  @ApiProperty({ description: 'Names the kind of problem.', example: 'urn:rivulet:problem:device-unknown' })
  type: string;

  @ApiProperty({ description: 'The kind of problem in a few words.', example: 'The device is not known' })
  title: string;

  @ApiProperty({ description: 'The HTTP status of the answer.', example: 404 })
  status: number;

  @ApiProperty({
    description: 'The reason in this case.',
    example: 'There is no active device with the MAC address 48:b0:2d:e9:c3:b8.',
  })
  detail: string;

  @ApiProperty({
    description: 'Stable, for programs. docs/error-codes.md explains each.',
    enum: Object.keys(errorCatalogue),
    example: 'DEVICE_UNKNOWN',
  })
  code: ErrorCode;

  @ApiProperty({
    description: 'The next step.',
    example: 'Register the device at central, or correct EDGE_MAC_ADDRESS on the device.',
  })
  nextStep: string;

  @ApiProperty({ description: 'The path of the request.', example: '/api/device-sync/request' })
  instance: string;

  @ApiProperty({
    description: 'Stands on every log line of the request, and in the X-Request-Id header of the answer.',
    example: '01K9ZV3S4QAGJ7B4N3W6T8X2MD',
  })
  requestId: string;

  @ApiPropertyOptional({
    description: 'The wrong fields, where the request has some.',
    type: [FieldErrorDto],
  })
  errors?: FieldErrorDto[];
}
