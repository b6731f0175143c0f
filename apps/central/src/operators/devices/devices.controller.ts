import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { normaliseMacAddress } from '@rivulet/protocol';
import { DeviceHistory } from '../../device-sync/device-history';
import { ImportKeys } from '../../devices/enrolment/import-keys';
import { DeviceList, type DeviceSort } from '../../devices/registry/device-list';
import { DeviceRegistry } from '../../devices/registry/device-registry';
import { AuditLog } from '../../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';
import { DeviceOperations } from './device-operations.service';
import { DeviceProofDto, ImportedKeysDto, KeyListDto, ProofQueryDto } from './device-keys.dto';
import { DeviceChangesDto, DevicesQueryDto, NewDeviceDto, RevocationDto } from './device-requests.dto';
import { DeviceDetailDto, DeviceDto, DevicePageDto, DevicePreviewDto } from './devices.dto';

const deviceIdParam = { name: 'deviceId', description: 'ULID', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' };

/** The registry, for operators. */
@ApiTags('devices')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('operator')
@Controller('devices')
export class DevicesController {
  constructor(
    private readonly registry: DeviceRegistry,
    private readonly devices: DeviceList,
    private readonly operations: DeviceOperations,
    private readonly history: DeviceHistory,
    private readonly keys: ImportKeys,
    private readonly audit: AuditLog,
  ) {}

  @Access('viewer')
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
  async create(
    @Body() { name, kind = 'edge', macAddress, labels }: NewDeviceDto,
    @CurrentCaller() caller: Caller,
  ): Promise<DeviceDto> {
    const device = {
      name,
      kind,
      status: 'active',
      labels,
      macAddress: macAddress === undefined ? undefined : normaliseMacAddress(macAddress),
    } as const;
    return this.audit.change(caller, {
      action: 'device.create',
      targetKind: 'device',
      idOf: ({ deviceId }) => deviceId,
      change: () => this.registry.create(device),
    });
  }

  @Post('import')
  @HttpCode(200)
  @ApiOperation({ summary: 'Enrol devices whose keys were made elsewhere: all of a list, or none' })
  @ApiOkResponse({ type: ImportedKeysDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED')
  async import(@Body() { csv }: KeyListDto, @CurrentCaller() caller: Caller): Promise<ImportedKeysDto> {
    return this.audit.change(caller, {
      action: 'device.import',
      targetKind: 'device',
      targetId: 'many',
      change: () => this.keys.import(csv),
    });
  }

  @Access('viewer')
  @Get(':deviceId')
  @ApiOperation({ summary: 'See a device: its identity, scope, last syncs and what it has proved' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDetailDto })
  @ApiProblems('DEVICE_NOT_REGISTERED')
  async detail(@Param('deviceId') deviceId: string): Promise<DeviceDetailDto> {
    return this.operations.detail(deviceId);
  }

  @Access('viewer')
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

  @Access('viewer')
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
  async change(
    @Param('deviceId') deviceId: string,
    @Body() changes: DeviceChangesDto,
    @CurrentCaller() caller: Caller,
  ): Promise<DeviceDto> {
    return this.changed(caller, 'change', deviceId, () => this.registry.change(deviceId, changes));
  }

  @Post(':deviceId/approve')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let a device in that waits for it' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDto })
  @ApiProblems('DEVICE_NOT_REGISTERED', 'DEVICE_STATUS_CONFLICT')
  async approve(@Param('deviceId') deviceId: string, @CurrentCaller() caller: Caller): Promise<DeviceDto> {
    return this.changed(caller, 'approve', deviceId, () =>
      this.registry.setStatus(deviceId, 'active', ['pending']),
    );
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
  async revoke(
    @Param('deviceId') deviceId: string,
    @Body() { reason }: RevocationDto,
    @CurrentCaller() caller: Caller,
  ): Promise<DeviceDto> {
    const from = ['pending', 'active', 'quarantined'] as const;
    return this.changed(caller, 'revoke', deviceId, () =>
      this.registry.setStatus(deviceId, 'revoked', from, reason ?? null),
    );
  }

  @Post(':deviceId/reinstate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let a revoked device in again; one in quarantine needs a new key, too' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDto })
  @ApiProblems('DEVICE_NOT_REGISTERED', 'DEVICE_STATUS_CONFLICT')
  async reinstate(@Param('deviceId') deviceId: string, @CurrentCaller() caller: Caller): Promise<DeviceDto> {
    return this.changed(caller, 'reinstate', deviceId, () => this.registry.reinstate(deviceId));
  }

  @Post(':deviceId/resync')
  @HttpCode(200)
  @ApiOperation({ summary: 'Have a device refill every mirror at its next sync' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDto })
  @ApiProblems('DEVICE_NOT_REGISTERED')
  async resync(@Param('deviceId') deviceId: string, @CurrentCaller() caller: Caller): Promise<DeviceDto> {
    return this.changed(caller, 'resync', deviceId, () => this.registry.requestResync(deviceId));
  }

  @Delete(':deviceId')
  @ApiOperation({ summary: 'Forget a device and its keys; what it synced stays in the audit tables' })
  @ApiParam(deviceIdParam)
  @ApiOkResponse({ type: DeviceDto })
  @ApiProblems('DEVICE_NOT_REGISTERED')
  async remove(@Param('deviceId') deviceId: string, @CurrentCaller() caller: Caller): Promise<DeviceDto> {
    return this.audit.change(caller, {
      action: 'device.remove',
      targetKind: 'device',
      targetId: deviceId,
      before: () => this.registry.get(deviceId),
      change: () => this.registry.remove(deviceId),
      after: () => undefined,
    });
  }

  private async changed(
    caller: Caller,
    what: string,
    deviceId: string,
    change: () => Promise<DeviceDto>,
  ): Promise<DeviceDto> {
    return this.audit.change(caller, {
      action: `device.${what}`,
      targetKind: 'device',
      targetId: deviceId,
      before: () => this.registry.get(deviceId),
      change,
    });
  }
}

/** `site:SFO,floor:2` */
function parseLabels(text: string): Record<string, string> {
  const pairs = text
    .split(',')
    .map((label) => [label.slice(0, label.indexOf(':')), label.slice(label.indexOf(':') + 1)]);
  return Object.fromEntries(pairs) as Record<string, string>;
}
