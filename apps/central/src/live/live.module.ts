import { Module } from '@nestjs/common';
import { DevicesModule } from '../devices/devices.module';
import { LiveEnv } from './live.env';
import { LiveMetrics } from './live.metrics';
import { AgentInbox } from './sessions/agent-inbox';
import { AgentSessions } from './sessions/agent-sessions';
import { TcpListener } from './tcp/tcp-listener';
import { WebSocketEndpoint } from './websocket/websocket-endpoint';

/** Agents and edges that stay connected: sessions over TCP and WebSocket. */
@Module({
  imports: [DevicesModule],
  providers: [AgentInbox, AgentSessions, LiveMetrics, TcpListener, WebSocketEndpoint],
  exports: [AgentInbox, AgentSessions, TcpListener],
})
export class LiveModule {
  static readonly environment = [LiveEnv];
}
