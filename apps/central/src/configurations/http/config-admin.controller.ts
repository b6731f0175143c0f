import { Body, Controller, Get, HttpCode, Post, Put, Query } from '@nestjs/common';
import { ApiBody, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RivuletError } from '@rivulet/errors';
import { Access, ApiProblems, requestInvalid } from '@rivulet/platform';
import { uuidOfVersion } from '@rivulet/protocol';
import { DeviceList } from '../../devices/registry/device-list';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';
import { ConfigurationsService } from '../configurations.service';
import { isObject } from '../content/merge-patch';
import type { StoredVersion } from '../store/stored-version';
import {
  ConfigAdminDto,
  ConfigUrlDto,
  ListedAgentDto,
  UpdatedConfigurationDto,
  UpdateQueryDto,
} from './agent-configuration.dto';
import { configUrlOf } from './config-url';
import { DEFAULT_NAME } from '../content/default-name';
import { exampleData } from './versions.dto';

const AGENTS_LISTED = 1_000;

/** The operators' routes of the two documents. */
@ApiTags('agents')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('operator')
@Controller()
export class ConfigAdminController {
  constructor(
    private readonly configurations: ConfigurationsService,
    private readonly devices: DeviceList,
  ) {}

  @Post('v1/config')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give every agent a new configuration' })
  @ApiBody({ description: 'The configuration.', schema: { type: 'object', example: exampleData } })
  @ApiOkResponse({ type: UpdatedConfigurationDto })
  @ApiProblems(
    'REQUEST_TOO_LARGE',
    'MEDIA_TYPE_UNSUPPORTED',
    'CONFIGURATION_TOO_LARGE',
    'CONFIGURATION_SECRET',
  )
  @ApiProblems(
    'CONFIGURATION_INVALID',
    'CONFIGURATION_CONFLICT',
    'CONFIGURATION_SCHEMA_INVALID',
    'ROLLOUT_ACTIVE',
  )
  async updateConfiguration(
    @Query() { name = DEFAULT_NAME, poll_interval: pollIntervalSeconds }: UpdateQueryDto,
    @Body() data: Record<string, unknown>,
    @CurrentCaller() caller: Caller,
  ): Promise<UpdatedConfigurationDto> {
    if (!isObject(data)) throw requestInvalid([{ field: 'body', reason: 'must be an object' }]);
    const { version } = await this.configurations.add(name, { data, pollIntervalSeconds, caller });
    return { message: 'Configuration updated successfully', version };
  }

  @Access('viewer')
  @Get('v1/agents')
  @ApiOperation({ summary: 'List the agents: the first 1,000 by name. GET /api/devices has pages' })
  @ApiOkResponse({ type: [ListedAgentDto] })
  async listAgents(): Promise<ListedAgentDto[]> {
    const { devices } = await this.devices.page({ sort: 'name', descending: false, limit: AGENTS_LISTED });
    return devices.map(({ deviceId, name, createdAt, lastSeenAt, labels }) => ({
      id: deviceId,
      hostname: name,
      registered_at: createdAt,
      last_poll: lastSeenAt,
      metadata:
        labels.metadata ??
        Object.entries(labels)
          .map((label) => label.join('='))
          .join(','),
    }));
  }

  @Post('config/admin')
  @ApiOperation({ summary: 'Replace the configuration default by one with this URL' })
  @ApiCreatedResponse({ type: ConfigAdminDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'CONFIGURATION_SECRET', 'CONFIGURATION_INVALID')
  @ApiProblems('CONFIGURATION_CONFLICT', 'CONFIGURATION_SCHEMA_INVALID', 'ROLLOUT_ACTIVE')
  async createConfigUrl(
    @Body() body: ConfigUrlDto,
    @CurrentCaller() caller: Caller,
  ): Promise<ConfigAdminDto> {
    return this.add({ config_url: body.config_url }, body, caller);
  }

  @Access('viewer')
  @Get('config/admin')
  @ApiOperation({ summary: 'See the latest version of the configuration default' })
  @ApiOkResponse({ type: ConfigAdminDto })
  @ApiProblems('CONFIGURATION_UNKNOWN')
  async readConfigUrl(): Promise<ConfigAdminDto> {
    return toAdmin(await this.latest());
  }

  @Put('config/admin')
  @ApiOperation({ summary: 'Change the URL of the configuration default; the rest of it stays' })
  @ApiOkResponse({ type: ConfigAdminDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'CONFIGURATION_SECRET', 'CONFIGURATION_INVALID')
  @ApiProblems(
    'CONFIGURATION_CONFLICT',
    'CONFIGURATION_UNKNOWN',
    'CONFIGURATION_SCHEMA_INVALID',
    'ROLLOUT_ACTIVE',
  )
  async changeConfigUrl(
    @Body() body: ConfigUrlDto,
    @CurrentCaller() caller: Caller,
  ): Promise<ConfigAdminDto> {
    const { data } = await this.latest();
    const { url: _url, ...kept } = isObject(data) ? data : {};
    return this.add({ ...kept, config_url: body.config_url }, body, caller);
  }

  private async add(data: object, { pooling_interval: pollIntervalSeconds }: ConfigUrlDto, caller: Caller) {
    return toAdmin(await this.configurations.add(DEFAULT_NAME, { data, pollIntervalSeconds, caller }));
  }

  private async latest(): Promise<StoredVersion> {
    const latest = await this.configurations.latest(DEFAULT_NAME);
    if (latest !== undefined) return latest;
    throw new RivuletError('CONFIGURATION_UNKNOWN', `There is no configuration named "${DEFAULT_NAME}" yet.`);
  }
}

function toAdmin({ name, version, data, pollIntervalSeconds, createdAt }: StoredVersion): ConfigAdminDto {
  return {
    uuid: uuidOfVersion(name, version),
    version,
    config_url: configUrlOf(data),
    pooling_interval: pollIntervalSeconds,
    created_at: createdAt,
  };
}
