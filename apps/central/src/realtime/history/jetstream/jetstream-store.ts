import { randomBytes } from 'node:crypto';
import {
  jetstream,
  jetstreamManager,
  JetStreamApiCodes,
  JetStreamApiError,
  JetStreamError,
  type JetStreamClient,
  type JetStreamManager,
  type PubAck,
  type StoredMsg,
} from '@nats-io/jetstream';
import { natsOptions } from '@rivulet/bus';
import { RivuletError } from '@rivulet/errors';
import { connect, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { MESSAGES, STORE_SUBJECT, STREAMS } from './streams';

const RECONNECT_MS = 1_000;
const ANSWER_MS = 5_000;
const MAX_CHANGES = 100;

/** "JetStream system temporarily unavailable", "stream is offline" */
const STARTING = new Set([10008, 10118]);

/** The message at {@link STORE_SUBJECT}. */
interface StoreState {
  epoch: string;
  floor: number;
  ownFloor: number;
}

interface Published {
  data?: string;
  headers?: MsgHdrs;
  /** The sequence of the last message of the subject; 0 where there is none. */
  after?: number;
  key?: string;
}

/** The server's streams. Whether they are there, and have what they had, is seen after each new connection. */
export class JetStreamStore {
  private connection: NatsConnection | undefined;
  private streams: { publisher: JetStreamClient; manager: JetStreamManager } | undefined;
  private reason = 'not connected yet';
  private isConnected = false;
  private isClosed = false;
  private opening: Promise<void> | undefined;
  private readonly connecting: Promise<void>;
  private readonly firstAttempt = Promise.withResolvers<void>();
  private known: StoreState | undefined;
  /** The highest sequence that the server has said it has. */
  private seen = 0;
  /** Is called when what was known of topics may be wrong. */
  onNew: () => void = () => undefined;

  constructor(private readonly url: URL) {
    this.connecting = this.connect();
  }

  /** As of the last time that it was read. */
  get state(): StoreState {
    return this.known!;
  }

  /** @throws RivuletError BUS_UNAVAILABLE · REALTIME_HISTORY_UNUSABLE */
  async ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      await this.open();
      return await this.whileThere(work);
    } catch (error) {
      throw error instanceof RivuletError ? error : refusal(error as Error);
    }
  }

  /** A stream that somebody removes while the server runs is made again. */
  private async whileThere<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isStreamMissing(error) && !isDisabled(error)) throw error;
      this.opening = undefined;
      await this.open();
      return work();
    }
  }

  /** Undefined where the sequence has changed. */
  async publish(subject: string, { data = '', headers, after, key }: Published): Promise<PubAck | undefined> {
    try {
      const ack = await this.streams!.publisher.publish(subject, data, {
        timeout: ANSWER_MS,
        ...(headers !== undefined && { headers }),
        ...(key !== undefined && { msgID: key }),
        ...(after !== undefined && { expect: { lastSubjectSequence: after } }),
      });
      if (ack.stream === MESSAGES) this.seen = Math.max(this.seen, ack.seq);
      return ack;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence)
        return undefined;
      throw error;
    }
  }

  async last(stream: string, subject: string): Promise<StoredMsg | null> {
    return this.streams!.manager.streams.getMessage(stream, { last_by_subj: subject });
  }

  async at(seq: number): Promise<StoredMsg | null> {
    return this.streams!.manager.streams.getMessage(MESSAGES, { seq });
  }

  /** The first of a subject from a sequence on. */
  async next(seq: number, subject: string): Promise<StoredMsg | null> {
    // The server takes it from 2.9 on; the library's type is that of direct reads, which may be older than this.
    const query = { seq, next_by_subj: subject } as { seq: number };
    return this.streams!.manager.streams.getMessage(MESSAGES, query);
  }

  async purge(filter: string, which: { seq: number } | { keep: number }): Promise<void> {
    await this.streams!.manager.streams.purge(MESSAGES, { filter, ...which });
  }

  /** How many messages each subject has. */
  async subjects(filter: string): Promise<Map<string, number>> {
    const { state } = await this.streams!.manager.streams.info(MESSAGES, { subjects_filter: filter });
    return new Map(Object.entries(state.subjects ?? {}));
  }

  async lastSequence(): Promise<number> {
    const { state } = await this.streams!.manager.streams.info(MESSAGES);
    this.seen = Math.max(this.seen, state.last_seq);
    return state.last_seq;
  }

  /** Reads it again. */
  async readState(): Promise<StoreState> {
    const stored = await this.last(MESSAGES, STORE_SUBJECT);
    if (stored === null) {
      // Somebody removed it while the server ran.
      await this.adopt();
      return this.known!;
    }
    const before = this.known?.epoch;
    this.known = stored.json<StoreState>();
    if (before !== this.known.epoch) this.onNew();
    return this.known;
  }

  /** Several processes may change it at once: each changes what the one before has made. */
  async changeState(change: (state: StoreState | undefined) => StoreState): Promise<void> {
    for (let attempt = 0; attempt < MAX_CHANGES; attempt++) {
      const stored = await this.last(MESSAGES, STORE_SUBJECT);
      const changed = change(stored?.json<StoreState>());
      const after = stored?.seq ?? 0;
      const ack = await this.publish(STORE_SUBJECT, { data: JSON.stringify(changed), after });
      if (ack === undefined) continue;
      this.known = changed;
      // Only the last one is read.
      if (after > 0) await this.purge(STORE_SUBJECT, { seq: ack.seq });
      return;
    }
    throw new Error('too many processes change where positions begin');
  }

  async close(): Promise<void> {
    this.isClosed = true;
    // An attempt that is under way ends by itself.
    if (this.connection === undefined) return;
    await this.connection.close();
    await this.connecting;
  }

  private async connect(): Promise<void> {
    while (this.connection === undefined && !this.isClosed) {
      try {
        this.connection = await connect(natsOptions(this.url));
      } catch (error) {
        this.reason = (error as Error).message;
        this.firstAttempt.resolve();
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS).unref());
      }
    }
    if (this.connection === undefined) return;
    if (this.isClosed) return this.connection.close();
    this.isConnected = true;
    this.firstAttempt.resolve();
    for await (const { type } of this.connection.status()) {
      if (type === 'disconnect' || type === 'staleConnection') this.isConnected = false;
      if (type === 'reconnect') this.isConnected = true;
      if (type === 'disconnect' || type === 'reconnect') this.opening = undefined;
    }
  }

  private async open(): Promise<void> {
    await this.firstAttempt.promise;
    // The client library would keep what is sent without a connection, and store it after its caller was refused.
    if (!this.isConnected)
      throw new Error(this.connection === undefined ? this.reason : 'the connection to NATS was lost');
    this.opening ??= this.openNow();
    const { opening } = this;
    try {
      await opening;
    } catch (error) {
      if (this.opening === opening) this.opening = undefined;
      throw error;
    }
  }

  private async openNow(): Promise<void> {
    const options = { timeout: ANSWER_MS };
    const manager = await jetstreamManager(this.connection!, options);
    this.streams = { manager, publisher: jetstream(this.connection!, options) };
    for (const stream of STREAMS) await this.make(stream);
    await this.adopt();
  }

  private async make(stream: (typeof STREAMS)[number]): Promise<void> {
    const { streams } = this.streams!.manager;
    try {
      await streams.info(stream.name);
    } catch (error) {
      if (!isStreamMissing(error)) throw error;
      await streams.add({ ...stream, storage: 'file', retention: 'limits', discard: 'old' });
    }
  }

  /** A server that has less than it had has lost messages: positions are given a second time, so they get a new epoch. */
  private async adopt(): Promise<void> {
    const before = this.known?.epoch;
    const { seen } = this;
    const last = await this.lastSequence();
    const newEpoch = randomBytes(6).toString('hex');
    await this.ensureState((state) => {
      if (state === undefined) return { epoch: newEpoch, floor: 0, ownFloor: 0 };
      return state.epoch === before && last < seen ? { ...state, epoch: newEpoch } : state;
    });
    if (this.known!.epoch !== before) this.seen = last;
    this.onNew();
  }

  private async ensureState(change: (state: StoreState | undefined) => StoreState): Promise<void> {
    const stored = (await this.last(MESSAGES, STORE_SUBJECT))?.json<StoreState>();
    const changed = change(stored);
    if (stored !== undefined && changed.epoch === stored.epoch) this.known = stored;
    else await this.changeState(change);
  }
}

function refusal(error: Error): RivuletError {
  const reason = isDisabled(error) ? 'JetStream is not enabled on the NATS server' : error.message;
  const isRefused =
    isDisabled(error) || error instanceof JetStreamApiError || error instanceof JetStreamError;
  if (isRefused && !isStarting(error))
    return new RivuletError(
      'REALTIME_HISTORY_UNUSABLE',
      `NATS does not keep messages of topics: ${reason}.`,
      {
        cause: error,
        retryAfterSeconds: 2,
      },
    );
  return new RivuletError('BUS_UNAVAILABLE', `The history of topics cannot be reached: ${reason}.`, {
    cause: error,
    retryAfterSeconds: 1,
  });
}

/** It reads what it has, or its cluster has no leader yet. */
function isStarting(error: Error): boolean {
  return error instanceof JetStreamApiError && STARTING.has(error.code);
}

function isStreamMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
}

/** Its class is not exported. */
function isDisabled(error: unknown): boolean {
  if ((error as Error).name === 'JetStreamNotEnabled') return true;
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.JetStreamNotEnabledForAccount;
}
