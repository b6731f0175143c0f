import { randomBytes } from 'node:crypto';
import { redisOptions } from '@rivulet/bus';
import { RivuletError } from '@rivulet/errors';
import { Redis } from 'ioredis';
import { adoptStore, appendAll, forgetTopics, listTopics, readTopic, skipTopics } from './redis-scripts';

const ANSWER_MS = 5_000;
const HEARTBEAT_MS = 10_000;

const SCRIPTS = { adoptStore, appendAll, forgetTopics, listTopics, readTopic, skipTopics };

export const PREFIX = 'rivulet.topics.';
/** The keys that the scripts name. */
const KEYS = [`${PREFIX}positions`, `${PREFIX}names`, `${PREFIX}heard`];

type Reply = string | Reply[];
type Run = (...values: (string | number)[]) => Promise<Reply>;

/** The server that has the history. What it lost is noticed before anything is asked of it, and gives a new epoch. */
export class RedisStore {
  private readonly redis: Redis;
  private readonly heartbeat: NodeJS.Timeout;
  private readonly firstAttempt: Promise<void>;
  private reason = 'not connected yet';
  /** Undefined while there is no connection, or it has not been looked at. */
  private adopted: Promise<void> | undefined;

  constructor(url: string) {
    this.redis = new Redis(url, {
      ...redisOptions,
      enableOfflineQueue: false,
      // A command that was under way when the connection was lost may have been done: the caller decides.
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: ANSWER_MS,
    });
    for (const [name, lua] of Object.entries(SCRIPTS))
      this.redis.defineCommand(name, { lua, numberOfKeys: KEYS.length });
    this.redis.on('error', ({ message }: Error) => (this.reason = message));
    this.redis.on('close', () => (this.adopted = undefined));
    this.redis.on('ready', () => void this.adopt().catch(() => undefined));
    this.heartbeat = setInterval(() => this.expectAnswer(), HEARTBEAT_MS).unref();
    this.firstAttempt = this.redis.connect().catch(() => undefined);
  }

  /** @throws RivuletError BUS_UNAVAILABLE */
  async run(
    script: Exclude<keyof typeof SCRIPTS, 'adoptStore'>,
    values: (string | number)[],
  ): Promise<Reply> {
    const reply = await this.ask(() => this.call(script, values));
    if (!isLost(reply)) return reply;
    // Somebody removed everything while the server ran.
    this.adopted = undefined;
    return this.ask(() => this.call(script, values));
  }

  /** @throws RivuletError BUS_UNAVAILABLE */
  async fields(names: readonly string[]): Promise<(string | null)[]> {
    const read = (): Promise<(string | null)[]> => this.redis.hmget(KEYS[0]!, ':epoch', ...names);
    const values = await this.ask(read);
    if (values[0] !== null) return values;
    this.adopted = undefined;
    return this.ask(read);
  }

  close(): void {
    clearInterval(this.heartbeat);
    this.redis.disconnect();
  }

  private async ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      await this.firstAttempt;
      if (this.redis.status !== 'ready') throw new Error(this.reason);
      await this.adopt();
      return await work();
    } catch (error) {
      throw new RivuletError(
        'BUS_UNAVAILABLE',
        `The history of topics cannot be reached: ${(error as Error).message}.`,
        { cause: error, retryAfterSeconds: 1 },
      );
    }
  }

  private adopt(): Promise<void> {
    this.adopted ??= this.adoptNow();
    this.adopted.catch(() => (this.adopted = undefined));
    return this.adopted;
  }

  /** A server that runs since another time than the one before may have forgotten what it had said was stored. */
  private async adoptNow(): Promise<void> {
    const info = fieldsOf(await this.redis.info());
    if (info.get('role') === 'slave') throw new Error('the server is a replica, which cannot be written to');
    const isDurable = (await this.forgetsNothing(info)) ? 1 : 0;
    await this.call('adoptStore', [info.get('run_id')!, isDurable, randomBytes(6).toString('hex')]);
  }

  /** Every write is on its disk before it is answered, and it was no replica, which may have lacked some. */
  private async forgetsNothing(info: ReadonlyMap<string, string>): Promise<boolean> {
    if (info.get('aof_enabled') !== '1' || !/^0*$/.test(info.get('master_replid2') ?? '')) return false;
    // Hosted servers may not allow the question.
    const answer = await this.redis.config('GET', 'appendfsync').catch(() => []);
    return (answer as string[])[1] === 'always';
  }

  private call(script: keyof typeof SCRIPTS, values: (string | number)[]): Promise<Reply> {
    const run = (this.redis as unknown as Record<string, Run>)[script]!;
    return run.call(this.redis, ...KEYS, ...values);
  }

  private expectAnswer(): void {
    if (this.redis.status === 'ready') this.redis.ping().catch(() => this.redis.disconnect(true));
  }
}

function isLost(reply: Reply): boolean {
  return reply === 'LOST' || (Array.isArray(reply) && reply[0] === '' && reply[1] === 'LOST');
}

function fieldsOf(info: string): ReadonlyMap<string, string> {
  const lines = info.split('\r\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line) => line.split(':', 2) as [string, string]));
}
