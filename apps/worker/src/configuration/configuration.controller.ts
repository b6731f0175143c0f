import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems, KeepRawBody, requestInvalid } from '@rivulet/platform';
import { WorkerConfiguration, type ConfigurationDocument } from './worker-configuration';

const example = { config_url: 'https://api.example.com/task', pooling_interval: 30, version: 1 };

class ReceiptDto {
  @ApiProperty({ description: 'That it is in force.', example: 'Configuration updated' })
  message: string;
}

@ApiTags('configuration')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN')
@Controller('config')
export class ConfigurationController {
  constructor(private readonly configuration: WorkerConfiguration) {}

  @Post()
  @HttpCode(200)
  @Access('local')
  @KeepRawBody()
  @ApiOperation({ summary: 'Take a configuration from the agent' })
  @ApiBody({ description: 'Any object with config_url or url.', schema: { type: 'object', example } })
  @ApiOkResponse({ type: ReceiptDto })
  @ApiProblems(
    'REQUEST_TOO_LARGE',
    'MEDIA_TYPE_UNSUPPORTED',
    'WORKER_CONFIGURATION_INVALID',
    'TASK_TARGET_REFUSED',
  )
  replace(@Body() document: Record<string, unknown>): ReceiptDto {
    if (typeof document !== 'object' || document === null || Array.isArray(document))
      throw requestInvalid([{ field: 'body', reason: 'must be an object' }]);
    this.configuration.replace(document);
    return { message: 'Configuration updated' };
  }

  @Get()
  @Access('public')
  @ApiOperation({ summary: 'See the configuration in force, without its secrets' })
  @ApiOkResponse({ schema: { type: 'object', example } })
  @ApiProblems('WORKER_UNCONFIGURED')
  current(): ConfigurationDocument {
    return this.configuration.shown;
  }
}
