import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import {
  namedError,
  openWebSocket,
  RateLimits,
  Refusals,
  UpgradeRouter,
  type Upgrade,
} from '@rivulet/platform';
import { RivuletError } from '@rivulet/errors';
import { WebSocketServer } from 'ws';
import { RealtimeHub } from '../delivery/realtime-hub';
import { Session } from '../delivery/session';
import type { Identity } from '../rules/identity';
import { Identities } from '../identity/identities';
import { isRevoked } from '../identity/is-revoked';
import { tokenInvalid } from '../identity/token-invalid';
import type { ClientMessage } from '../protocol/client-message';
import { messageLimits } from '../rules/message-limits';
import { wireTopic } from '../protocol/server-message';
import { Presence } from '../presence/presence';
import { Publisher } from '../publish/publisher';
import { RealtimeEnv } from '../realtime.env';
import { RealtimeMetrics } from '../realtime.metrics';
import { CurrentRules } from '../rules/current-rules';
import type { CloseReason } from './close-codes';
import { ConnectionCounts } from './connection-counts';
import type { ConnectionOwner } from './connection-owner';
import { checkPingTimes } from './ping-times';
import { checkOrigin, readHandshake, SUBPROTOCOL, type Handshake } from './handshake';
import { SyncConnection } from './sync-connection';

const SWEEP_MS = 1_000;
/** For a client to say who it is. */
const AUTH_TIMEOUT_MS = 10_000;
/** For what was said last to leave. */
const GOODBYE_MS = 300;

/** The WebSockets of `/ws/sync`. */
@Injectable()
export class SyncSockets implements ConnectionOwner<SyncConnection>, OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Realtime');
  private readonly connections = new Set<SyncConnection>();
  private readonly server: WebSocketServer;

  constructor(
    readonly limits: RealtimeEnv,
    private readonly router: UpgradeRouter,
    private readonly hub: RealtimeHub,
    private readonly identities: Identities,
    private readonly publisher: Publisher,
    private readonly rules: CurrentRules,
    private readonly counts: ConnectionCounts,
    private readonly metrics: RealtimeMetrics,
    private readonly refusals: Refusals,
    private readonly rateLimits: RateLimits,
    private readonly presence: Presence,
  ) {
    checkPingTimes(limits);
    this.server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // 214 KB a connection after one small message.
      perMessageDeflate: false,
      maxPayload: limits.messageBytes + messageLimits.envelopeBytes,
      handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    });
  }

  onModuleInit(): void {
    this.router.add('/ws/sync', (upgrade) => this.accept(upgrade));
    this.rules.onChange(() => {
      for (const { session } of this.connections) session?.recheck();
    });
  }

  /** Tells clients to come back, each at a time of its own. */
  async onModuleDestroy(): Promise<void> {
    for (const connection of this.connections) {
      const reconnectAfterMs = Math.round(Math.random() * this.limits.drainSpreadMs);
      connection.tell({
        type: 'disconnect',
        data: { reason: 'Central is stopping.', reconnect_after_ms: reconnectAfterMs },
      });
      connection.close('goingAway', String(reconnectAfterMs));
    }
    if (this.connections.size > 0) await new Promise((resolve) => setTimeout(resolve, GOODBYE_MS));
    for (const connection of this.connections) connection.terminate();
  }

  @Interval('realtime connections', SWEEP_MS)
  sweep(): void {
    const nowMs = performance.now();
    const now = Date.now();
    for (const connection of this.connections) {
      this.look(connection, nowMs, now);
      if (connection.session?.who.stillServed !== undefined) void this.closeIfRevoked(connection);
    }
  }

  /** Until the next sweep its messages are still taken. */
  private async closeIfRevoked(connection: SyncConnection): Promise<void> {
    const { session } = connection;
    if (session !== undefined && (await isRevoked(session.who)))
      connection.close('tokenExpired', 'Your token is no longer valid.');
  }

  async handle(connection: SyncConnection, message: ClientMessage): Promise<void> {
    const { session } = connection;
    if (message.type === 'disconnect') return connection.close('bye');
    if (message.type === 'auth') return this.authenticate(connection, message.token, message.id);
    if (session === undefined) throw tokenInvalid('Send `auth` with a token first.');
    switch (message.type) {
      case 'subscribe':
        return session.subscribe(message.topic, message.since, message.id, message.presence);
      case 'unsubscribe':
        session.unsubscribe(message.topic);
        return connection.tell({ type: 'unsubscribe', id: message.id, topic: message.topic });
      case 'presence':
        return this.presence.tellUsers(message.topic, session, message.id);
      case 'sync': {
        const { epoch, message: stored } = await this.publisher.publishByClient(session.who, message);
        const { topic, position, id } = stored;
        connection.tell({
          type: 'sync',
          id: message.id,
          topic: wireTopic(topic),
          epoch,
          position,
          message_id: id,
        });
      }
    }
  }

  refused({ session, address }: SyncConnection, error: unknown): RivuletError {
    const named = namedError(error);
    const { code, message: detail } = named;
    this.metrics.refusals.inc({ code });
    if (code === 'INTERNAL') this.logger.error({ err: error }, 'A message of a client was not handled');
    if (session !== undefined) return named;
    // As a call without valid credentials.
    this.rateLimits.countAnonymous(address);
    this.refusals.note({ code, detail, address, requestId: '', where: 'client over websocket' });
    return this.rateLimits.refusalAfter(address, named);
  }

  closing(reason: CloseReason): void {
    this.metrics.closed.inc({ reason });
  }

  forget(connection: SyncConnection): void {
    if (this.connections.delete(connection)) this.metrics.connections.dec({ transport: 'websocket' });
  }

  private async accept(upgrade: Upgrade): Promise<void> {
    const { request, socket, address } = upgrade;
    const releases: (() => void)[] = [];
    try {
      checkOrigin(request, this.limits.origins);
      releases.push(this.counts.takeAddress(address));
      const handshake = readHandshake(request);
      const identity = await this.identityOf(handshake, address);
      if (identity !== undefined) releases.push(this.counts.takeUser(identity.userId));
      const webSocket = openWebSocket(this.server, upgrade);
      const { userId, isExplicit } = handshake;
      const connection = new SyncConnection(webSocket, socket, this, address, userId, releases);
      void this.greet(connection, identity, isExplicit);
    } catch (error) {
      for (const release of releases) release();
      this.metrics.refusals.inc({ code: namedError(error).code });
      throw error;
    }
  }

  private async identityOf({ token, userId }: Handshake, address: string): Promise<Identity | undefined> {
    if (token === undefined) return undefined;
    const identity = await this.identities.identify(token, address);
    refuseOther(identity, userId);
    return identity;
  }

  private async greet(
    connection: SyncConnection,
    identity: Identity | undefined,
    isExplicit: boolean,
  ): Promise<void> {
    this.connections.add(connection);
    this.metrics.connections.inc({ transport: 'websocket' });
    connection.isExplicit = isExplicit;
    connection.tell({
      type: 'connect',
      data: {
        client_id: connection.id,
        user_id: identity?.userId ?? null,
        ping_interval_ms: this.limits.pingIntervalMs,
      },
    });
    if (identity !== undefined)
      await this.open(connection, identity).catch((error: unknown) => connection.refuse(error));
  }

  private async authenticate(
    connection: SyncConnection,
    token: string,
    id: string | undefined,
  ): Promise<void> {
    const identity = await this.identities.identify(token, connection.address);
    const { session, claimedUserId } = connection;
    refuseOther(identity, session?.who.userId ?? claimedUserId);
    if (session === undefined) connection.releases.push(this.counts.takeUser(identity.userId));
    connection.tell({ type: 'auth', id, data: { user_id: identity.userId } });
    if (session === undefined) await this.open(connection, identity);
    else session.changeIdentity(identity);
  }

  /** Every user has what is sent to them, and to all. */
  private async open(connection: SyncConnection, identity: Identity): Promise<void> {
    if (connection.isClosed) return;
    const session = new Session(this.hub, connection, identity, this.limits.maxSubscriptions, this.presence);
    connection.session = session;
    if (connection.isExplicit) return;
    await Promise.all([session.subscribe('_user', undefined), session.subscribe('_all', undefined)]);
  }

  private look(connection: SyncConnection, nowMs: number, now: number): void {
    const { session } = connection;
    if (nowMs - connection.heardAtMs > this.limits.pongWaitMs) {
      this.closing('gone');
      connection.terminate();
    } else if (session === undefined && nowMs - connection.openedAtMs > AUTH_TIMEOUT_MS) {
      connection.close('notAuthenticated', 'No token has come.');
    } else if ((session?.who.expiresAtMs ?? Infinity) < now) {
      connection.close('tokenExpired', 'Your token has expired.');
    } else if (nowMs - connection.pingedAtMs >= this.limits.pingIntervalMs) {
      connection.ping();
    }
  }
}

function refuseOther(identity: Identity, userId: string | undefined): void {
  if (userId === undefined || userId === identity.userId) return;
  throw new RivuletError('REALTIME_TOKEN_INVALID', 'The token is that of a different user.');
}
