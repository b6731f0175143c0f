import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { encodeAgentMessage, LineDecoder } from '@rivulet/agent-protocol';
import { RivuletError } from '@rivulet/errors';
import { namedError, ServerTls } from '@rivulet/platform';
import { DeviceAuthenticator } from '../../devices/authentication/device-authenticator';
import { LiveEnv } from '../live.env';
import type { AgentSession } from '../sessions/agent-session';
import { AgentSessions } from '../sessions/agent-sessions';
import { listeningHost } from './listening-address';
import { TcpTransport } from './tcp-transport';

/** TCP's own keep-alive, for a peer that vanished without closing. */
const KEEP_ALIVE_MS = 30_000;

/** Agents over TCP: a message is a line. */
@Injectable()
export class TcpListener implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Live');
  private readonly server: Server;
  private readonly host: string;
  private readonly sockets = new Set<Socket>();
  /** How many there are from each, also of those whose TLS handshake never ends. */
  private readonly perAddress = new Map<string, number>();

  constructor(
    private readonly env: LiveEnv,
    private readonly sessions: AgentSessions,
    private readonly authenticator: DeviceAuthenticator,
    tls: ServerTls,
  ) {
    this.host = listeningHost(env, tls.isOn);
    const onSocket = (socket: Socket): void => void this.serve(socket);
    this.server = tls.isOn ? secureServer(tls, onSocket) : createServer(onSocket);
    this.server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.server.on('connection', (socket: Socket) => {
      const ofAddress = this.count(socket);
      if (this.sockets.size > 2 * env.maxAgents || ofAddress > 2 * env.maxAgentsPerAddress) socket.destroy();
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async onApplicationBootstrap(): Promise<void> {
    const { agentPort } = this.env;
    const { server, host } = this;
    server.listen({ host, port: agentPort });
    await once(server, 'listening').catch((error: unknown) => {
      throw explain(error as NodeJS.ErrnoException, agentPort, host);
    });
    this.logger.log(`Listening for agents at ${host}:${this.port}`);
  }

  onModuleDestroy(): void {
    this.server.close();
    this.sessions.drain();
  }

  /** @returns how many its address has open */
  private count(socket: Socket): number {
    const address = socket.remoteAddress ?? '';
    const change = (by: 1 | -1): number => {
      const open = (this.perAddress.get(address) ?? 0) + by;
      if (open === 0) this.perAddress.delete(address);
      else this.perAddress.set(address, open);
      return open;
    };
    this.sockets.add(socket);
    socket
      .on('error', () => undefined)
      .once('close', () => {
        this.sockets.delete(socket);
        change(-1);
      });
    return change(1);
  }

  private async serve(socket: Socket): Promise<void> {
    // With TLS it is not the socket of the connection.
    socket.on('error', () => undefined);
    socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true);
    const session = await this.accept(socket);
    if (session === undefined) return;
    try {
      const decoder = new LineDecoder();
      // Pending messages are sent before the socket is destroyed.
      for await (const bytes of socket.iterator({ destroyOnReturn: false }))
        for (const line of decoder.push(bytes as Buffer)) await session.receive(line);
      session.end('left');
    } catch (error) {
      if (error instanceof RivuletError) session.fail(error);
      else session.end('left');
    }
  }

  private async accept(socket: Socket): Promise<AgentSession | undefined> {
    const transport = new TcpTransport(socket);
    try {
      this.sessions.refuseTooMany(transport.address, true);
      return this.sessions.accept(transport, await this.authenticator.openWithCertificate(socket));
    } catch (error) {
      const { code, message, nextStep, retryAfterSeconds = 5 } = namedError(error);
      const data = { code, message, next_step: nextStep, retry_after_seconds: retryAfterSeconds };
      const timestamp = new Date().toISOString();
      transport.send(
        encodeAgentMessage({ type: 'ERROR', agent_name: 'unknown', status: 'online', timestamp, data }),
      );
      transport.close();
      return undefined;
    }
  }
}

function secureServer(tls: ServerTls, onSocket: (socket: TLSSocket) => void): Server {
  const server = createTlsServer(tls.options, onSocket);
  tls.follow(server);
  return server;
}

function explain(error: NodeJS.ErrnoException, port: number, host: string): Error {
  if (error.code === 'EADDRINUSE') {
    return new RivuletError('PORT_TAKEN', `Port ${port}, for agents, is taken by another process.`, {
      nextStep: 'Stop that process, or set CENTRAL_AGENT_PORT to another port.',
      cause: error,
    });
  }
  return new RivuletError(
    'ENVIRONMENT_INVALID',
    `Central cannot listen for agents at ${host}:${port} (${error.code}).`,
    { nextStep: 'Correct CENTRAL_AGENT_HOST and CENTRAL_AGENT_PORT.', cause: error },
  );
}
