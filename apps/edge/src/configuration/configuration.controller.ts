import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { ConfigurationService, type ConfigurationState } from './configuration.service';

const exampleTime = '2026-11-27T08:15:30.000Z';

class ConfigurationStateDto implements ConfigurationState {
  @ApiProperty({ description: 'The name of the configuration.', example: 'default' })
  name: string;

  @ApiProperty({ description: 'Who gets it.', example: ['http://localhost:8082'] })
  workers: string[];

  @ApiProperty({
    description: 'The state of the configuration on this device.',
    enum: ['idle', 'applying', 'applied', 'failed'],
  })
  status: ConfigurationState['status'];

  @ApiProperty({ description: 'The version that this is about.', type: Number, nullable: true, example: 4 })
  version: number | null;

  @ApiProperty({ description: 'The version that the workers run.', type: Number, nullable: true, example: 4 })
  inForceVersion: number | null;

  @ApiProperty({
    description: 'Its digest.',
    type: String,
    nullable: true,
    example: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  })
  inForceSha256: string | null;

  @ApiProperty({ description: 'The code of a failure.', type: String, nullable: true, example: null })
  code: string | null;

  @ApiProperty({ description: 'The reason of a failure.', type: String, nullable: true, example: null })
  reason: string | null;

  @ApiProperty({ description: 'How often central is asked.', example: 30 })
  pollIntervalSeconds: number;

  @ApiProperty({
    description: 'When central has answered last.',
    type: Date,
    nullable: true,
    example: exampleTime,
  })
  polledAt: Date | null;

  @ApiProperty({ description: 'Why it does not answer.', type: Object, nullable: true, example: null })
  pollError: { code: string; message: string } | null;
}

@ApiTags('configuration')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN')
@Access('local')
@Controller('configuration')
export class ConfigurationController {
  constructor(private readonly configuration: ConfigurationService) {}

  @Get()
  @ApiOperation({ summary: 'See which configuration the workers run' })
  @ApiOkResponse({ type: ConfigurationStateDto })
  state(): ConfigurationStateDto {
    return this.configuration.state;
  }

  @Post('poll')
  @HttpCode(202)
  @ApiOperation({ summary: 'Ask central for the configuration now' })
  poll(): void {
    this.configuration.pollNow();
  }
}
