import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { TrustedProxies } from '../addresses/trusted-proxies';

export interface ConnectionLimits {
  /** Over all: 10,000 unless given. The next one is closed as soon as it is open. */
  maxConnections?: number;
  /** From one address, behind which a whole site may stand: 6,000 unless given. */
  maxConnectionsPerAddress?: number;
  /** Their connections are those of many, and count to the first limit alone. */
  trustedProxies?: TrustedProxies | undefined;
}

/**
 * Bounds the open connections of a server, and ends them when it closes: those without a request under way at once,
 * each other one when its last request has been answered. Node itself waits for ever for a connection that sent half
 * a request and then nothing, as its timeouts end with the server.
 */
export function manageConnections(app: NestFastifyApplication, limits: ConnectionLimits): Connections {
  const connections = new Connections(app.getHttpServer(), limits);
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('preClose', (done) => {
      connections.end();
      done();
    });
  return connections;
}

/** The addresses of counted sockets: a closed socket has no address any more. */
const addresses = new WeakMap<Duplex, string>();

export class Connections {
  private readonly requests = new Map<Socket, number>();
  /** They count to no limit here. */
  private readonly upgraded = new Set<Duplex>();
  private readonly perAddress = new Map<string, number>();
  /** With TLS: connections without a request yet, by address and port, which their two sockets have in common. */
  private readonly handshaking = new Map<string, Socket>();
  private readonly isSecured: boolean;
  private ending = false;

  private readonly maxPerAddress: number;
  private readonly maxConnections: number;
  private readonly proxies: TrustedProxies | undefined;

  constructor(
    server: Server,
    { maxConnections = 10_000, maxConnectionsPerAddress = 6_000, trustedProxies }: ConnectionLimits,
  ) {
    this.proxies = trustedProxies;
    this.isSecured = server instanceof TlsServer;
    this.maxPerAddress = maxConnectionsPerAddress;
    this.maxConnections = maxConnections;
    server.on('connection', (socket) => this.opened(socket));
    server.on('secureConnection', (socket: Socket) => this.secured(socket));
    server.on('request', (request, response) => this.began(request, response));
    server.on('upgrade', (_request, socket) => this.upgrade(socket));
  }

  end(): void {
    this.ending = true;
    for (const [socket, requests] of this.requests) if (requests === 0) socket.destroy();
    for (const socket of this.upgraded) socket.destroy();
  }

  /** Breaks off what is still under way, and says how much that was. */
  cut(): number {
    const busy = [...this.requests].filter(([, requests]) => requests > 0);
    for (const [socket] of busy) socket.destroy();
    return busy.length;
  }

  private opened(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const open = (this.perAddress.get(address) ?? 0) + 1;
    const isTooMany = open > this.maxPerAddress && this.proxies?.trust(address) !== true;
    if (this.ending || isTooMany || this.requests.size >= this.maxConnections) {
      socket.destroy();
      return;
    }
    this.perAddress.set(address, open);
    this.requests.set(socket, 0);
    addresses.set(socket, address);
    socket.once('close', () => this.forget(socket));
    if (!this.isSecured) return;
    const port = portOf(socket);
    this.handshaking.set(port, socket);
    socket.once('close', () => this.handshaking.delete(port));
  }

  /** The connection goes on as this one: what was opened before is the inside of it. */
  private secured(socket: Socket): void {
    const inner = this.handshaking.get(portOf(socket));
    if (inner === undefined) return;
    this.handshaking.delete(portOf(socket));
    const address = addresses.get(inner)!;
    addresses.delete(inner);
    this.requests.delete(inner);
    this.requests.set(socket, 0);
    addresses.set(socket, address);
    socket.once('close', () => this.forget(socket));
    if (this.ending) socket.destroy();
  }

  private upgrade(socket: Duplex): void {
    this.forget(socket);
    this.upgraded.add(socket);
    socket.once('close', () => this.upgraded.delete(socket));
  }

  private forget(socket: Duplex): void {
    const address = addresses.get(socket);
    if (address === undefined) return;
    addresses.delete(socket);
    this.requests.delete(socket as Socket);
    const left = this.perAddress.get(address)! - 1;
    if (left === 0) this.perAddress.delete(address);
    else this.perAddress.set(address, left);
  }

  private began({ socket }: IncomingMessage, response: ServerResponse): void {
    this.requests.set(socket, (this.requests.get(socket) ?? 0) + 1);
    // Fastify, Nest, the log, the metrics and a feature wait for the end of one answer. Node warns of a leak from 11 on.
    response.setMaxListeners(30);
    response.once('close', () => {
      const left = (this.requests.get(socket) ?? 1) - 1;
      if (!socket.destroyed) this.requests.set(socket, left);
      if (this.ending && left === 0) socket.end();
    });
  }
}

function portOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
