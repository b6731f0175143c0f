import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { normaliseMacAddress } from '@rivulet/protocol';
import { DeviceHistory } from '../../device-sync/device-history';
import { ImportKeys } from '../../devices/enrolment/import-keys';
import { DeviceList, type DeviceSort } from '../../devices/registry/device-list';
import { DeviceRegistry } from '../../devices/registry/device-registry';
import { DeviceOperations } from './device-operations.service';
import { DeviceProofDto, ImportedKeysDto, KeyListDto, ProofQueryDto } from './device-keys.dto';
import { DeviceChangesDto, DevicesQueryDto, NewDeviceDto, RevocationDto } from './device-requests.dto';
import { DeviceDetailDto, DeviceDto, DevicePageDto, DevicePreviewDto } from './devices.dto';

const deviceIdParam = { name: 'deviceId', description: 'ULID', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' };

/** The registry, for operators. */
@ApiTags('devices')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('local')
@Controller('devices')
export class DevicesController {
  constructor(
    private readonly registry: DeviceRegistry,
    private readonly devices: DeviceList,
    private readonly operations: DeviceOperations,
    private readonly history: DeviceHistory,
    private readonly keys: ImportKeys,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List the devices, a page at a time' })
  @ApiOkResponse({ type: DevicePageDto })
  @ApiProblems('MAC_ADDRESS_INVALID')
  async list(@Query() query: DevicesQueryDto): Promise<DevicePageDto> {
    const { sort = 'name', limit = 100, labels, macAddress, seenAfter, seenBefore, ...same } = query;
    return this.devices.page({
      ...same,
      labels: labels === undefined ? undefined : parseLabels(labels),
      macAddress: macAddress === undefined ? undefined : normaliseMacAddress(macAddress),
      seenAfter: seenAfter === undefined ? undefined : new Date(seenAfter),
      seenBefore: seenBefore === undefined ? undefined : new Date(seenBefore),
      sort: sort.replace('-', '') as DeviceSort,
      descending: sort.startsWith('-'),
      limit,
    });
  }

  @Post()
  @ApiOperation({ summary: 'Register a device before it calls; it is served once it can prove who it is' })
  @ApiCreatedResponse({ type: DeviceDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'MAC_ADDRESS_INVALID', 'DEVICE_MAC_TAKEN')
  async create(@Body() { name, kind = 'edge', macAddress, labels }: NewDeviceDto): Promise<DeviceDto> {
    return this.registry.create({
      name,
      kind,
      status: 'active',
      labels,
      macAddress: macAddress === undefined ? undefined : normaliseMacAddress(macAddress),
    });
  }

  @Post('import')
  @HttpCode(200)
  @ApiOperation({ summary: 'Enrol devices whose keys were made elsewhere: all of a list, or none' })
  @ApiOkResponse({ type: ImportedKeysDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED')
  async import(@Body() { csv }: KeyListDto): Promise<ImportedKeysDto> {
    return this.keys.import(csv);
  }

  @Get(':deviceId')
  @ApiOperation({ summary: 'See a device: its identity, scope, last syncs and what it has proved' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDetailDto })
  @ApiProblems('DEVICE_NOT_REGISTERED')
  async detail(@Param('deviceId') deviceId: string): Promise<DeviceDetailDto> {
    return this.operations.detail(deviceId);
  }

  @Get(':deviceId/preview')
  @ApiOperation({ summary: 'See what a device would get now' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DevicePreviewDto })
  @ApiProblems(
    'DEVICE_NOT_REGISTERED',
    'DEVICE_UNKNOWN',
    'DEVICE_INACTIVE',
    'SOURCE_UNAVAILABLE',
    'SERVER_BUSY',
  )
  @ApiProblems('SCOPE_AMBIGUOUS', 'DATASETS_FILE_INVALID', 'DATASET_QUERY_FAILED', 'DATASET_KEY_NULL')
  @ApiProblems('DATASET_KEY_NOT_UNIQUE', 'ROW_TOO_LARGE')
  async preview(@Param('deviceId') deviceId: string): Promise<DevicePreviewDto> {
    return this.operations.preview(deviceId);
  }

  @Get(':deviceId/proof')
  @ApiOperation({ summary: 'Get what shows, without central, which rows a device held' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceProofDto })
  @ApiProblems('DEVICE_NOT_REGISTERED', 'PROOF_UNKNOWN')
  async proof(
    @Param('deviceId') deviceId: string,
    @Query() { manifestId }: ProofQueryDto,
  ): Promise<DeviceProofDto> {
    await this.registry.get(deviceId);
    return this.history.proof(deviceId, manifestId);
  }

  @Patch(':deviceId')
  @ApiOperation({ summary: 'Rename or label a device' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'DEVICE_NOT_REGISTERED')
  async change(@Param('deviceId') deviceId: string, @Body() changes: DeviceChangesDto): Promise<DeviceDto> {
    return this.registry.change(deviceId, changes);
  }

  @Post(':deviceId/approve')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let a device in that waits for it' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDto })
  @ApiProblems('DEVICE_NOT_REGISTERED', 'DEVICE_STATUS_CONFLICT')
  async approve(@Param('deviceId') deviceId: string): Promise<DeviceDto> {
    return this.registry.setStatus(deviceId, 'active', ['pending']);
  }

  @Post(':deviceId/revoke')
  @HttpCode(200)
  @ApiOperation({ summary: 'End what a device may do, within 5 seconds in every process of central' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDto })
  @ApiProblems(
    'REQUEST_TOO_LARGE',
    'MEDIA_TYPE_UNSUPPORTED',
    'DEVICE_NOT_REGISTERED',
    'DEVICE_STATUS_CONFLICT',
  )
  async revoke(@Param('deviceId') deviceId: string, @Body() { reason }: RevocationDto): Promise<DeviceDto> {
    const from = ['pending', 'active', 'quarantined'] as const;
    return this.registry.setStatus(deviceId, 'revoked', from, reason ?? null);
  }

  @Post(':deviceId/reinstate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let a revoked device in again; one in quarantine needs a new key, too' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDto })
  @ApiProblems('DEVICE_NOT_REGISTERED', 'DEVICE_STATUS_CONFLICT')
  async reinstate(@Param('deviceId') deviceId: string): Promise<DeviceDto> {
    return this.registry.reinstate(deviceId);
  }

  @Post(':deviceId/resync')
  @HttpCode(200)
  @ApiOperation({ summary: 'Have a device fill every mirror anew at its next sync' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDto })
  @ApiProblems('DEVICE_NOT_REGISTERED')
  async resync(@Param('deviceId') deviceId: string): Promise<DeviceDto> {
    return this.registry.requestResync(deviceId);
  }

  @Delete(':deviceId')
  @ApiOperation({ summary: 'Forget a device and its keys; what it synced stays in the audit tables' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDto })
  @ApiProblems('DEVICE_NOT_REGISTERED')
  async remove(@Param('deviceId') deviceId: string): Promise<DeviceDto> {
    return this.registry.remove(deviceId);
  }
}

/** `site:SFO,floor:2` */
function parseLabels(text: string): Record<string, string> {
  const pairs = text
    .split(',')
    .map((label) => [label.slice(0, label.indexOf(':')), label.slice(label.indexOf(':') + 1)]);
  return Object.fromEntries(pairs) as Record<string, string>;
}
