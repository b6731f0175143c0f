import { ApiProperty } from '@nestjs/swagger';

const DATABASE_UP = { database: { status: 'up', responseTime: 2 } };

/** The answer of every probe, as terminus gives it. */
export class HealthDto {
  @ApiProperty({
    description: 'error: do not send work here. degraded: works, and something wants a look.',
    enum: ['ok', 'degraded', 'error', 'shutting_down'],
    example: 'ok',
  })
  status: string;

  @ApiProperty({
    description: 'The checks that are up or degraded.',
    type: 'object',
    additionalProperties: true,
    example: DATABASE_UP,
  })
  info: object;

  @ApiProperty({
    description: 'The checks that are down.',
    type: 'object',
    additionalProperties: true,
    example: {},
  })
  error: object;

  @ApiProperty({
    description: 'All of it; responseTime in milliseconds.',
    type: 'object',
    additionalProperties: true,
    example: DATABASE_UP,
  })
  details: object;
}
