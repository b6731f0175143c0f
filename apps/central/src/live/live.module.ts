import { Module } from '@nestjs/common';
import { DevicesModule } from '../devices/devices.module';
import { DeviceSyncModule } from '../device-sync/device-sync.module';
import { SnapshotsModule } from '../snapshots/snapshots.module';
import { SourceModule } from '../source/source.module';
import { LiveEnv } from './live.env';
import { LiveMetrics } from './live.metrics';
import { AgentInbox } from './sessions/agent-inbox';
import { AgentSessions } from './sessions/agent-sessions';
import { BusModule } from '../bus/bus.module';
import { AnnouncePresence } from './sessions/announce-presence';
import { CatchUp } from './nudges/catch-up';
import { NudgesIndicator } from './nudges/nudges.indicator';
import { NudgeService } from './nudges/nudge.service';
import { ProofLatency } from './nudges/proof-latency';
import { TcpListener } from './tcp/tcp-listener';
import { WebSocketEndpoint } from './websocket/websocket-endpoint';

/** Agents and edges that stay connected: sessions over TCP and WebSocket. */
@Module({
  imports: [BusModule, DevicesModule, DeviceSyncModule, SnapshotsModule, SourceModule],
  providers: [
    AgentInbox,
    AgentSessions,
    AnnouncePresence,
    CatchUp,
    LiveMetrics,
    NudgeService,
    NudgesIndicator,
    ProofLatency,
    TcpListener,
    WebSocketEndpoint,
  ],
  exports: [AgentInbox, AgentSessions, NudgeService, NudgesIndicator, ProofLatency, TcpListener],
})
export class LiveModule {
  static readonly environment = [LiveEnv];
  static readonly indicators = [NudgesIndicator];
}
