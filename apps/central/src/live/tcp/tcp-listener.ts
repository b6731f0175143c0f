import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { encodeAgentMessage, LineDecoder } from '@rivulet/agent-protocol';
import { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import { LiveEnv } from '../live.env';
import type { AgentSession } from '../sessions/agent-session';
import { AgentSessions } from '../sessions/agent-sessions';
import { listeningHost } from './listening-address';
import { TcpTransport } from './tcp-transport';
import { readTlsFiles } from './tls-files';

const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
/** TCP's own keep-alive, for a peer that vanished without closing. */
const KEEP_ALIVE_MS = 30_000;

/** Agents over TCP: a message is a line. */
@Injectable()
export class TcpListener implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Live');
  private readonly server: Server;
  private readonly host: string;
  private readonly sockets = new Set<Socket>();

  constructor(
    private readonly env: LiveEnv,
    private readonly sessions: AgentSessions,
  ) {
    const tls = readTlsFiles(env);
    this.host = listeningHost(env, tls !== undefined);
    const onSocket = (socket: Socket): void => void this.serve(socket);
    this.server =
      tls === undefined
        ? createServer(onSocket)
        : createTlsServer(
            { ...tls, minVersion: 'TLSv1.2', handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS },
            onSocket,
          );
    this.server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => this.sockets.delete(socket));
      if (this.sockets.size > 2 * env.maxAgents) socket.destroy();
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

  private async serve(socket: Socket): Promise<void> {
    // With TLS it is another one than that of the connection.
    socket.on('error', () => undefined);
    socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true);
    const session = this.accept(socket);
    if (session === undefined) return;
    try {
      const decoder = new LineDecoder();
      // What is left to say is sent before the socket is destroyed.
      for await (const bytes of socket.iterator({ destroyOnReturn: false }))
        for (const line of decoder.push(bytes as Buffer)) await session.receive(line);
      session.end('left');
    } catch (error) {
      if (error instanceof RivuletError) session.fail(error);
      else session.end('left');
    }
  }

  private accept(socket: Socket): AgentSession | undefined {
    const transport = new TcpTransport(socket);
    try {
      return this.sessions.accept(transport);
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
