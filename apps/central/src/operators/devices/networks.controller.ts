import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { normaliseMacAddress } from '@rivulet/protocol';
import { DeviceList } from '../../devices/registry/device-list';
import { DeviceRegistry } from '../../devices/registry/device-registry';
import type { RegisteredDevice } from '../../devices/registry/registered-device';
import { AuditLog } from '../../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';
import { NetworkChangesDto, NetworkDto, NewNetworkDto } from './networks.dto';

const LISTED_MAX = 1_000;

const idParam = { name: 'id', description: 'ULID', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' };

/** The registry under the names of the DSP platform: a network is a device. */
@ApiTags('networks')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('operator')
@Controller('networks')
export class NetworksController {
  constructor(
    private readonly registry: DeviceRegistry,
    private readonly devices: DeviceList,
    private readonly audit: AuditLog,
  ) {}

  @Access('viewer')
  @Get()
  @ApiOperation({ summary: 'List the networks: the first 1,000 by name. GET /api/devices has pages' })
  @ApiOkResponse({ type: [NetworkDto] })
  async list(): Promise<NetworkDto[]> {
    const { devices } = await this.devices.page({ sort: 'name', descending: false, limit: LISTED_MAX });
    return devices.map(toNetwork);
  }

  @Access('viewer')
  @Get(':id')
  @ApiOperation({ summary: 'See a network' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: NetworkDto })
  @ApiProblems('DEVICE_NOT_REGISTERED')
  async find(@Param('id') id: string): Promise<NetworkDto> {
    return toNetwork(await this.registry.get(id));
  }

  @Post()
  @ApiOperation({ summary: 'Create a network' })
  @ApiCreatedResponse({ type: NetworkDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'MAC_ADDRESS_INVALID', 'DEVICE_MAC_TAKEN')
  async create(
    @Body() { name, mac_address: mac, labels }: NewNetworkDto,
    @CurrentCaller() caller: Caller,
  ): Promise<NetworkDto> {
    const macAddress = mac === undefined ? undefined : normaliseMacAddress(mac);
    const created = await this.audit.change(caller, {
      action: 'device.create',
      targetKind: 'device',
      idOf: ({ deviceId }) => deviceId,
      change: () => this.registry.create({ name, kind: 'agent', status: 'active', labels, macAddress }),
    });
    return toNetwork(created);
  }

  @Put(':id')
  @ApiOperation({ summary: 'Update a network' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: NetworkDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'DEVICE_NOT_REGISTERED')
  async update(
    @Param('id') id: string,
    @Body() changes: NetworkChangesDto,
    @CurrentCaller() caller: Caller,
  ): Promise<NetworkDto> {
    const changed = await this.audit.change(caller, {
      action: 'device.change',
      targetKind: 'device',
      targetId: id,
      before: () => this.registry.get(id),
      change: () => this.registry.change(id, changes),
    });
    return toNetwork(changed);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a network' })
  @ApiParam(idParam)
  @ApiNoContentResponse({ description: 'It is deleted.' })
  @ApiProblems('DEVICE_NOT_REGISTERED')
  async remove(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    await this.audit.change(caller, {
      action: 'device.remove',
      targetKind: 'device',
      targetId: id,
      before: () => this.registry.get(id),
      change: () => this.registry.remove(id),
      after: () => undefined,
    });
  }
}

function toNetwork(device: RegisteredDevice): NetworkDto {
  return {
    id: device.deviceId,
    name: device.name,
    mac_address: device.macAddress,
    kind: device.kind,
    status: device.online ? 'online' : 'offline',
    registry_status: device.status,
    labels: device.labels,
    version: device.version,
    address: device.address,
    metrics: device.metrics,
    last_seen: device.lastSeenAt,
    created_at: device.createdAt,
    updated_at: device.changedAt,
  };
}
