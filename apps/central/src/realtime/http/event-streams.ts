import type { Readable } from 'node:stream';
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { RivuletError } from '@rivulet/errors';
import { RealtimeHub } from '../delivery/realtime-hub';
import { Session } from '../delivery/session';
import { Identities } from '../identity/identities';
import { isRevoked } from '../identity/is-revoked';
import { tokenInvalid } from '../identity/token-invalid';
import { Presence } from '../presence/presence';
import { RealtimeEnv } from '../realtime.env';
import { RealtimeMetrics } from '../realtime.metrics';
import { CurrentRules } from '../rules/current-rules';
import { BROADCAST_TOPIC } from '../rules/topic-name';
import { TopicPattern } from '../rules/topic-pattern';
import { ConnectionCounts } from '../socket/connection-counts';
import { EventStream } from './event-stream';

/** Well before a stream that says nothing counts as stalled. */
const BEAT_MS = 20_000;
/** A revoked device or operator must be gone in 5 s, of which finding out takes 3. */
const LOOK_MS = 1_000;

interface Opened {
  stream: EventStream;
  session: Session;
}

export interface EventsRequest {
  topic: string;
  token: string | undefined;
  address: string;
  since: { epoch: string; position: number } | undefined;
}

/** Topics as server-sent events. */
@Injectable()
export class EventStreams implements OnModuleInit, OnModuleDestroy {
  private readonly opened = new Set<Opened>();

  constructor(
    private readonly env: RealtimeEnv,
    private readonly hub: RealtimeHub,
    private readonly identities: Identities,
    private readonly counts: ConnectionCounts,
    private readonly rules: CurrentRules,
    private readonly metrics: RealtimeMetrics,
    private readonly presence: Presence,
  ) {}

  get origins(): readonly string[] {
    return this.env.origins;
  }

  onModuleInit(): void {
    this.rules.onChange(() => {
      for (const { session } of this.opened) session.recheck();
    });
  }

  onModuleDestroy(): void {
    for (const { stream } of this.opened) stream.end(Math.round(Math.random() * this.env.drainSpreadMs));
  }

  /** @throws RivuletError REALTIME_TOKEN_INVALID · REALTIME_LIMIT_EXCEEDED · TOPIC_FORBIDDEN · what History throws */
  async open({ topic, token, address, since }: EventsRequest): Promise<Readable> {
    if (token === undefined) throw tokenInvalid('Send it as `Authorization: Bearer`, or as `token`.');
    if (!isOneTopic(topic)) throw new RivuletError('TOPIC_FORBIDDEN', 'A stream is of one topic.');
    const releases = [this.counts.takeAddress(address)];
    const close = (): void => releases.splice(0).forEach((release) => release());
    try {
      const identity = await this.identities.identify(token, address);
      releases.push(this.counts.takeUser(identity.userId));
      const stream = new EventStream(this.env.sendBufferBytes, () =>
        this.metrics.closed.inc({ reason: 'tooSlow' }),
      );
      const session = new Session(this.hub, stream, identity, 1, this.presence);
      await session.subscribe(topic, since && { ...since, positions: new Map() });
      const opened = { stream, session };
      this.opened.add(opened);
      this.metrics.connections.inc({ transport: 'sse' });
      stream.body.once('close', () => {
        session.close();
        close();
        this.opened.delete(opened);
        this.metrics.connections.dec({ transport: 'sse' });
      });
      return stream.body;
    } catch (error) {
      close();
      throw error;
    }
  }

  @Interval('realtime event stream owners', LOOK_MS)
  look(): void {
    for (const opened of this.opened)
      if (opened.session.who.stillServed !== undefined) void this.endIfRevoked(opened);
  }

  private async endIfRevoked({ stream, session }: Opened): Promise<void> {
    if (await isRevoked(session.who)) stream.end(0);
  }

  @Interval('realtime event streams', BEAT_MS)
  sweep(): void {
    const now = Date.now();
    for (const { stream, session } of this.opened) {
      if ((session.who.expiresAtMs ?? Infinity) < now) stream.end(0);
      else stream.beat();
    }
  }
}

function isOneTopic(name: string): boolean {
  return name === '_user' || name === BROADCAST_TOPIC || TopicPattern.parse(name)?.isTopic === true;
}
