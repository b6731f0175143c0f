import { Injectable } from '@nestjs/common';
import { agentLimits } from '@rivulet/agent-protocol';
import { RivuletError } from '@rivulet/errors';
import { openWebSocket, UpgradeRouter, type Upgrade } from '@rivulet/platform';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { DeviceAuthenticator, type OpenedBy } from '../../devices/authentication/device-authenticator';
import type { AgentSession } from '../sessions/agent-session';
import { AgentSessions } from '../sessions/agent-sessions';
import { WebSocketTransport } from './websocket-transport';

const PATH = '/ws/agent';
/** Messages that wait for their turn, before no more are read from the connection. */
const MAX_UNHANDLED = 16;

/** `WS /ws/agent`: the agent protocol, for who shows its identity with the handshake. */
@Injectable()
export class WebSocketEndpoint {
  private readonly server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // It took 214 KB for each connection that had ever sent a message.
    perMessageDeflate: false,
    maxPayload: agentLimits.maxMessageBytes,
    allowSynchronousEvents: true,
  });

  constructor(
    router: UpgradeRouter,
    private readonly authenticator: DeviceAuthenticator,
    private readonly sessions: AgentSessions,
  ) {
    router.add(PATH, (upgrade) => this.upgrade(upgrade));
  }

  private async upgrade(upgrade: Upgrade): Promise<void> {
    const { request, address, signal } = upgrade;
    this.sessions.refuseTooMany(address, true);
    const opened = await this.authenticator.open({
      headers: request.headers,
      ip: address,
      socket: request.socket,
    });
    this.sessions.refuseTooMany(address, false);
    if (signal.aborted) throw new RivuletError('REQUEST_TIMEOUT', 'The handshake took too long.');
    this.serve(openWebSocket(this.server, upgrade), address, opened);
  }

  private serve(client: WebSocket, address: string, opened: OpenedBy): void {
    const session = this.sessions.accept(new WebSocketTransport(client, address), opened);
    const queue = new MessageQueue(client, session);
    client.on('error', () => undefined);
    client.on('close', () => session.end('left'));
    client.on('message', (data, isBinary) => {
      if (isBinary) session.fail(new RivuletError('AGENT_MESSAGE_INVALID', 'A message is not a text.'));
      else queue.push(data);
    });
  }
}

/** Messages of one connection, one after the other. */
class MessageQueue {
  private unhandled = 0;
  private handled = Promise.resolve();

  constructor(
    private readonly client: WebSocket,
    private readonly session: AgentSession,
  ) {}

  push(data: RawData): void {
    if (++this.unhandled > MAX_UNHANDLED) this.client.pause();
    this.handled = this.handleAfter(this.handled, (data as Buffer).toString());
  }

  private async handleAfter(before: Promise<void>, text: string): Promise<void> {
    await before;
    await this.session.receive(text);
    if (--this.unhandled <= MAX_UNHANDLED) this.client.resume();
  }
}
