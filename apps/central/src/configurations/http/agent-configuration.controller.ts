import { Body, Controller, Get, Headers, HttpCode, Post, Query, Res } from '@nestjs/common';
import {
  ApiExcludeEndpoint,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { uuidOfVersion } from '@rivulet/protocol';
import type { FastifyReply } from 'fastify';
import type { KnownDevice } from '../../devices/device';
import { CurrentRegisteredDevice } from '../../devices/authentication/device-authenticator';
import { CurrentConfigurations } from '../current/current-configurations';
import { DeliverConfiguration, matchesEtag } from '../delivery/deliver-configuration';
import { DeviceReports } from '../delivery/device-reports';
import {
  AgentConfigurationDto,
  AgentConfigurationVersionDto,
  ConfigurationReceiptDto,
  ConfigurationReportDto,
  NameQueryDto,
} from './agent-configuration.dto';
import { configUrlOf } from './config-url';
import { DEFAULT_NAME } from '../content/default-name';

const ifNoneMatch = {
  name: 'If-None-Match',
  description: 'The ETag of what the agent has: then it is answered with 304 while that is current.',
  required: false,
} as const;
const unchanged = { status: 304, description: 'The agent has what it is to have.' } as const;

/** The routes by which agents get their configuration. The paths of both documents lead to the same handlers. */
@ApiTags('agents')
@ApiProblems('REQUEST_INVALID', 'DATABASE_UNAVAILABLE', 'SHUTTING_DOWN', 'DEVICE_NOT_REGISTERED')
@Access('device')
@Controller()
export class AgentConfigurationController {
  constructor(
    private readonly delivery: DeliverConfiguration,
    private readonly current: CurrentConfigurations,
    private readonly reports: DeviceReports,
  ) {}

  @Get('v1/config')
  @ApiOperation({ summary: 'Get the configuration that an agent is to have' })
  @ApiHeader(ifNoneMatch)
  @ApiOkResponse({ type: AgentConfigurationDto, headers: { ETag: { schema: { type: 'string' } } } })
  @ApiResponse(unchanged)
  @ApiProblems('CONFIGURATION_UNKNOWN', 'SERVER_BUSY')
  async configuration(
    @CurrentRegisteredDevice() device: KnownDevice,
    @Query() { name = DEFAULT_NAME }: NameQueryDto,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('if-none-match') held?: string,
  ): Promise<AgentConfigurationDto | undefined> {
    const sent = await this.delivery.send(name, device, held);
    reply.header('etag', sent.etag);
    if (!('statement' in sent)) {
      reply.status(304);
      return undefined;
    }
    const { version, data, pollIntervalSeconds, statement } = sent;
    return {
      version,
      data,
      poll_interval_seconds: pollIntervalSeconds,
      uuid: uuidOfVersion(name, version),
      config_url: configUrlOf(data),
      pooling_interval: pollIntervalSeconds,
      statement,
    };
  }

  @Get('config/agent')
  @ApiExcludeEndpoint()
  async agent(
    @CurrentRegisteredDevice() device: KnownDevice,
    @Query() query: NameQueryDto,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('if-none-match') held?: string,
  ): Promise<AgentConfigurationDto | undefined> {
    return this.configuration(device, query, reply, held);
  }

  @Get('v1/config/version')
  @ApiOperation({ summary: 'Get the version that an agent is to have' })
  @ApiHeader(ifNoneMatch)
  @ApiOkResponse({ type: AgentConfigurationVersionDto, headers: { ETag: { schema: { type: 'string' } } } })
  @ApiResponse(unchanged)
  @ApiProblems('CONFIGURATION_UNKNOWN')
  async configurationVersion(
    @CurrentRegisteredDevice() device: KnownDevice,
    @Query() { name = DEFAULT_NAME }: NameQueryDto,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('if-none-match') held?: string,
  ): Promise<AgentConfigurationVersionDto | undefined> {
    const { version, pollIntervalSeconds, etag } = await this.current.require(name, device);
    reply.header('etag', etag);
    if (held === undefined || !matchesEtag(held, etag))
      return { version, poll_interval_seconds: pollIntervalSeconds };
    reply.status(304);
    return undefined;
  }

  @Get('config/version')
  @ApiExcludeEndpoint()
  async version(
    @CurrentRegisteredDevice() device: KnownDevice,
    @Query() query: NameQueryDto,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('if-none-match') held?: string,
  ): Promise<AgentConfigurationVersionDto | undefined> {
    return this.configurationVersion(device, query, reply, held);
  }

  @Post('v1/config/status')
  @HttpCode(200)
  @ApiOperation({ summary: 'Report what has become of a version' })
  @ApiOkResponse({ type: ConfigurationReceiptDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED')
  async report(
    @CurrentRegisteredDevice() { deviceId }: KnownDevice,
    @Body() body: ConfigurationReportDto,
  ): Promise<ConfigurationReceiptDto> {
    const { name = DEFAULT_NAME, in_force_version: version, in_force_sha256: sha256, ...said } = body;
    const inForce = version === undefined || sha256 === undefined ? undefined : { version, sha256 };
    return { accepted: await this.reports.take(deviceId, { name, ...said, inForce }) };
  }
}
