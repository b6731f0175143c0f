import { Body, Controller, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';
import { ConfigurationsService } from '../configurations.service';
import { DeviceReports } from '../delivery/device-reports';
import { PreviewConfiguration } from '../preview-configuration';
import { ConfigurationStore } from '../store/configuration-store';
import {
  ConfigurationChangesDto,
  ConfigurationDto,
  ConfigurationOfDeviceDto,
  DevicesOfConfigurationQueryDto,
  EffectiveConfigurationDto,
  EffectiveQueryDto,
  PreviewDto,
} from './configurations.dto';
import { ConfigurationNamePipe, VersionNumberPipe } from './configuration-params';
import {
  DifferenceDto,
  DifferenceQueryDto,
  HistoryQueryDto,
  NewVersionDto,
  ProposedVersionDto,
  RestoreDto,
  VersionDto,
  VersionEntryDto,
} from './versions.dto';
import { overlaysOf } from './overlays-of';

const nameParam = { name: 'name', description: 'The name of the configuration.', example: 'default' };
const versionParam = { name: 'version', example: 3 };

/** Configurations and their versions, for operators. */
@ApiTags('configurations')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('operator')
@Controller('configurations')
export class ConfigurationsController {
  constructor(
    private readonly configurations: ConfigurationsService,
    private readonly store: ConfigurationStore,
    private readonly previews: PreviewConfiguration,
    private readonly reports: DeviceReports,
  ) {}

  @Access('viewer')
  @Get()
  @ApiOperation({ summary: 'List the configurations' })
  @ApiOkResponse({ type: [ConfigurationDto] })
  async listConfigurations(): Promise<ConfigurationDto[]> {
    return this.store.list();
  }

  @Access('viewer')
  @Get(':name')
  @ApiOperation({ summary: 'See a configuration' })
  @ApiParam(nameParam)
  @ApiOkResponse({ type: ConfigurationDto })
  @ApiProblems('CONFIGURATION_UNKNOWN')
  async readConfiguration(@Param('name', ConfigurationNamePipe) name: string): Promise<ConfigurationDto> {
    return this.store.get(name);
  }

  @Put(':name')
  @ApiOperation({ summary: 'Create a configuration, or change its description or JSON Schema' })
  @ApiParam(nameParam)
  @ApiOkResponse({ type: ConfigurationDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'CONFIGURATION_SCHEMA_INVALID')
  @ApiProblems('CONFIGURATION_INVALID', 'CONFIGURATION_CONFLICT')
  async describeConfiguration(
    @Param('name', ConfigurationNamePipe) name: string,
    @Body() changes: ConfigurationChangesDto,
    @CurrentCaller() caller: Caller,
  ): Promise<ConfigurationDto> {
    return this.configurations.describe(name, changes, caller);
  }

  @Access('viewer')
  @Get(':name/versions')
  @ApiOperation({ summary: 'List the versions of a configuration, the latest first' })
  @ApiParam(nameParam)
  @ApiOkResponse({ type: [VersionEntryDto] })
  @ApiProblems('CONFIGURATION_UNKNOWN')
  async listVersions(
    @Param('name', ConfigurationNamePipe) name: string,
    @Query() { limit = 100, before }: HistoryQueryDto,
  ): Promise<VersionEntryDto[]> {
    await this.store.get(name);
    return this.store.history(name, limit, before);
  }

  @Post(':name/versions')
  @ApiOperation({ summary: 'Add a version; every target gets it, unless `release` is false' })
  @ApiParam(nameParam)
  @ApiCreatedResponse({ type: VersionDto })
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
  async addVersion(
    @Param('name', ConfigurationNamePipe) name: string,
    @Body() { overlays, ...order }: NewVersionDto,
    @CurrentCaller() caller: Caller,
  ): Promise<VersionDto> {
    return this.configurations.add(name, { ...order, overlays: overlaysOf(overlays), caller });
  }

  @Access('viewer')
  @Get(':name/versions/:version')
  @ApiOperation({ summary: 'See a version' })
  @ApiParam(nameParam)
  @ApiParam(versionParam)
  @ApiOkResponse({ type: VersionDto })
  @ApiProblems('CONFIGURATION_VERSION_UNKNOWN')
  async readVersion(
    @Param('name', ConfigurationNamePipe) name: string,
    @Param('version', VersionNumberPipe) version: number,
  ): Promise<VersionDto> {
    return this.store.version(name, version);
  }

  @Post(':name/versions/:version/restore')
  @ApiOperation({ summary: 'Add the content of an old version as a new one' })
  @ApiParam(nameParam)
  @ApiParam(versionParam)
  @ApiCreatedResponse({ type: VersionDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'CONFIGURATION_VERSION_UNKNOWN')
  @ApiProblems(
    'CONFIGURATION_INVALID',
    'CONFIGURATION_CONFLICT',
    'CONFIGURATION_SCHEMA_INVALID',
    'ROLLOUT_ACTIVE',
  )
  async restoreVersion(
    @Param('name', ConfigurationNamePipe) name: string,
    @Param('version', VersionNumberPipe) version: number,
    @Body() { comment, release }: RestoreDto,
    @CurrentCaller() caller: Caller,
  ): Promise<VersionDto> {
    return this.configurations.restore(name, version, { comment, release, caller });
  }

  @Access('viewer')
  @Get(':name/diff')
  @ApiOperation({ summary: 'Compare two versions' })
  @ApiParam(nameParam)
  @ApiOkResponse({ type: DifferenceDto })
  @ApiProblems('CONFIGURATION_VERSION_UNKNOWN')
  async compareVersions(
    @Param('name', ConfigurationNamePipe) name: string,
    @Query() { from, to }: DifferenceQueryDto,
  ): Promise<DifferenceDto> {
    return this.configurations.difference(name, from, to);
  }

  @Access('viewer')
  @Get(':name/effective')
  @ApiOperation({ summary: 'See what a device is to have, and where each value comes from' })
  @ApiParam(nameParam)
  @ApiOkResponse({ type: EffectiveConfigurationDto })
  @ApiProblems('CONFIGURATION_UNKNOWN', 'CONFIGURATION_VERSION_UNKNOWN', 'DEVICE_NOT_REGISTERED')
  async effectiveConfiguration(
    @Param('name', ConfigurationNamePipe) name: string,
    @Query() { device, version }: EffectiveQueryDto,
  ): Promise<EffectiveConfigurationDto> {
    return this.previews.effective(name, device, version);
  }

  @Access('viewer')
  @Post(':name/preview')
  @HttpCode(200)
  @ApiOperation({ summary: 'See which devices would get what of a version, without adding it' })
  @ApiParam(nameParam)
  @ApiOkResponse({ type: PreviewDto })
  @ApiProblems(
    'REQUEST_TOO_LARGE',
    'MEDIA_TYPE_UNSUPPORTED',
    'CONFIGURATION_TOO_LARGE',
    'CONFIGURATION_SECRET',
  )
  @ApiProblems('CONFIGURATION_INVALID', 'CONFIGURATION_SCHEMA_INVALID')
  async previewVersion(
    @Param('name', ConfigurationNamePipe) name: string,
    @Body() { overlays, ...proposed }: ProposedVersionDto,
  ): Promise<PreviewDto> {
    return this.previews.preview(name, { ...proposed, overlays: overlaysOf(overlays) });
  }

  @Access('viewer')
  @Get(':name/devices')
  @ApiOperation({ summary: 'List what devices have been sent and have reported' })
  @ApiParam(nameParam)
  @ApiOkResponse({ type: [ConfigurationOfDeviceDto] })
  @ApiProblems('CONFIGURATION_UNKNOWN')
  async devicesOfConfiguration(
    @Param('name', ConfigurationNamePipe) name: string,
    @Query() { status, after, limit = 100 }: DevicesOfConfigurationQueryDto,
  ): Promise<ConfigurationOfDeviceDto[]> {
    await this.store.get(name);
    return this.reports.list(name, { status, after, limit });
  }
}
