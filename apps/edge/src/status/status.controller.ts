import { Controller, Get, Inject, Optional } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { CentralTrust } from '../hub/central-trust';
import { HubEnv } from '../hub/hub.env';
import { DeviceIdentity } from '../identity/device-identity';
import { MAC_ADDRESS } from '../identity/mac-address';
import { LiveConnection } from '../live/live-connection';
import { NudgedSync } from '../live/nudged-sync';
import { ScrubService } from '../scrub/scrub.service';
import type { EdgeSyncTable } from '../state/edge-sync-table.entity';
import { ScrubLog } from '../state/scrub-log';
import { SyncState } from '../state/sync-state';
import { AnswerRefusals } from '../sync/answer-refusals';
import { explainStale } from '../sync/explain-stale';
import { Freshness } from '../sync/freshness';
import { SyncScheduler } from '../sync/sync-scheduler';
import { SyncService } from '../sync/sync.service';
import {
  SyncStatusDto,
  type FreshnessDto,
  type IdentityDto,
  type LiveDto,
  type MirrorStatusDto,
} from './status.dto';

@ApiTags('sync')
@Access('local')
@Controller('sync')
export class StatusController {
  constructor(
    private readonly sync: SyncService,
    private readonly scheduler: SyncScheduler,
    private readonly scrub: ScrubService,
    private readonly state: SyncState,
    private readonly scrubLog: ScrubLog,
    private readonly live: LiveConnection,
    private readonly nudges: NudgedSync,
    private readonly hub: HubEnv,
    private readonly trust: CentralTrust,
    private readonly freshness: Freshness,
    private readonly refusals: AnswerRefusals,
    @Inject(MAC_ADDRESS) private readonly macAddress: string,
    @Optional() @Inject(DeviceIdentity) private readonly identity: DeviceIdentity | undefined,
  ) {}

  @Get('status')
  @ApiOperation({ summary: 'The current activity, the last results, and the content of each mirror' })
  @ApiOkResponse({ type: SyncStatusDto })
  @ApiProblems('REQUEST_INVALID', 'DATABASE_UNAVAILABLE', 'DATABASE_TABLES_MISSING')
  async status(): Promise<SyncStatusDto> {
    const { lastResult } = this.sync;
    const progress = this.sync.progress ?? this.scrub.progress;
    const { nextRunAt } = this.scheduler;
    const lastScrub = await this.scrubLog.last();
    return {
      state: this.activity(),
      macAddress: this.macAddress,
      identity: this.describeIdentity(),
      live: this.describeLive(),
      freshness: await this.describeFreshness(),
      refusedAnswers: { total: this.refusals.total, ...(this.refusals.last && { last: this.refusals.last }) },
      ...(progress === undefined ? {} : { progress }),
      ...(lastResult === undefined ? {} : { lastResult }),
      ...(lastScrub === undefined ? {} : { lastScrub }),
      ...(nextRunAt === undefined ? {} : { nextRunAt }),
      mirrors: (await this.state.tables()).map(toMirrorStatus),
    };
  }

  private describeIdentity(): IdentityDto {
    const { macAddress, identity } = this;
    if (identity === undefined) return { auth: 'mac', macAddress };
    const { deviceId, centralKey: enrolledBy } = identity.enrolment ?? {};
    const centralKey = this.trust.current(this.hub.centralKey ?? enrolledBy);
    return {
      auth: 'key',
      macAddress,
      keyThumbprint: identity.key.thumbprint,
      ...(deviceId === undefined ? {} : { deviceId }),
      ...(centralKey === undefined ? {} : { centralKey }),
    };
  }

  private describeLive(): LiveDto {
    const { isConnected, disabled, ...state } = this.live.state;
    const { lastNudgeAt } = this.nudges;
    const problem = disabled === undefined ? state.problem : `${disabled}.`;
    return {
      connected: isConnected,
      since: state.since,
      ...(problem === undefined ? {} : { problem }),
      ...(lastNudgeAt === undefined ? {} : { lastNudgeAt }),
    };
  }

  private async describeFreshness(): Promise<FreshnessDto> {
    const { ageMs, allowedMs, isStale } = await this.freshness.read();
    return {
      state: isStale ? 'stale' : ageMs === null ? 'never' : 'fresh',
      staleAfterSeconds: Math.round(allowedMs / 1_000),
      ...(ageMs === null ? {} : { ageSeconds: Math.round(ageMs / 1_000) }),
      ...(isStale ? { problem: explainStale({ ageMs, allowedMs }).message } : {}),
    };
  }

  private activity(): SyncStatusDto['state'] {
    if (this.sync.progress !== undefined) return 'syncing';
    return this.scrub.progress === undefined ? 'idle' : 'scrubbing';
  }
}

function toMirrorStatus(mirror: EdgeSyncTable): MirrorStatusDto {
  const { columns: _columns, key: _key, grants: _grants, onRemove: _onRemove, ...shown } = mirror;
  return shown;
}
