import { Pool, type ClientBase, type PoolClient, type PoolConfig } from 'pg';
import { DatabaseClient, type DatabaseClientConfig } from './database-client';
import { PoolCondition, type PoolTrouble } from './pool-condition';
import { refuseTransactionPooling } from './refuse-transaction-pooling';
import { pinSettings, type SessionLimits } from './session-settings';

const CONNECT_WITHIN_MS = 10_000;

/** Node lets ten probes follow, one a second: a peer without a network is gone after 20 s of silence. */
const KEEP_ALIVE_AFTER_MS = 10_000;

/** A connection that nobody has used for so long is asked first: a firewall may have forgotten it. */
const ASK_WHEN_IDLE_FOR_MS = 1_000;

const ANSWER_WITHIN_MS = 3_000;

/** Settings of a role or a database that are not pinned reach only new connections, so none may live for ever. */
const LIFETIME_SECONDS = 600;

/** Connections that are made at once share the answer. */
const POOLER_FINE_FOR_MS = 10_000;

const defaultLimits: SessionLimits = { statementTimeoutMs: 30_000, lockTimeoutMs: 10_000 };

export interface DatabasePoolConfig extends PoolConfig, Pick<DatabaseClientConfig, 'silence'> {
  limits?: SessionLimits;
  /** Prepares each new connection; one that it fails for is not used. */
  prepare?: (client: ClientBase) => Promise<void>;
}

type WatchedPoolClient = PoolClient & DatabaseClient;

const openPools = new Set<DatabasePool>();

/** The faults of this process's pools that are connected to a database. */
export function databaseTrouble(connectionString: string): PoolTrouble[] {
  return [...openPools]
    .filter(({ options }) => options.connectionString === connectionString)
    .flatMap(({ condition }) => condition.trouble ?? []);
}

/**
 * The one pool of Rivulet, TypeORM's too. Its connections have their settings pinned, and none of them is waited for
 * longer than the server would take; whoever gets one gets one that answers.
 */
export class DatabasePool extends Pool {
  readonly condition: PoolCondition;
  private readonly limits: SessionLimits;
  private readonly over: AbortController;
  /** Findings from before are in doubt: a connection fell silent at that time. */
  private silentSince = -Infinity;
  /** Connections that were made before are not given to anyone. */
  private renewedAt = -Infinity;
  private poolerIsFine: Promise<void> | undefined;
  private poolerAskedAt = -Infinity;

  constructor(private readonly config: DatabasePoolConfig = {}) {
    const over = new AbortController();
    super({
      connectionTimeoutMillis: CONNECT_WITHIN_MS,
      maxLifetimeSeconds: LIFETIME_SECONDS,
      ...config,
      ...({ ending: over.signal } satisfies DatabaseClientConfig),
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      Client: DatabaseClient as unknown as PoolConfig['Client'],
      // pg-pool waits for it, whatever the type of the option says.
      onConnect: ((client: DatabaseClient) => this.prepare(client)) as unknown as PoolConfig['onConnect'],
    });
    this.over = over;
    this.limits = config.limits ?? defaultLimits;
    this.condition = new PoolCondition(config.application_name ?? 'PostgreSQL');
    // The connection tells the condition by itself; without a listener Node would end the process.
    this.on('error', () => undefined);
    this.on('release', (_, client) => ((client as WatchedPoolClient).heardAt = performance.now()));
    openPools.add(this);
  }

  /** From now on whoever gets a connection gets one whose session begins later, with the settings of roles of then. */
  renew(): void {
    this.renewedAt = performance.now();
  }

  override connect(): Promise<PoolClient>;
  override connect(
    answer: (
      error: Error | undefined,
      client: PoolClient | undefined,
      done: (release?: unknown) => void,
    ) => void,
  ): void;
  override connect(answer?: Parameters<Pool['connect']>[0]): Promise<PoolClient> | undefined {
    const connected = this.connectToAnsweringServer();
    if (answer === undefined) return connected;
    connected.then(
      (client) => answer(undefined, client, (failure) => client.release(failure as Error | boolean)),
      (error: Error) => answer(error, undefined, () => undefined),
    );
    return undefined;
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    openPools.delete(this);
    this.over.abort();
    if (callback === undefined) return super.end();
    super.end(callback);
    return undefined;
  }

  private async connectToAnsweringServer(): Promise<PoolClient> {
    for (;;) {
      const client = (await super.connect()) as WatchedPoolClient;
      if (client.madeAt >= this.renewedAt && (await this.answers(client))) return client;
      client.release(true);
    }
  }

  private async answers(client: WatchedPoolClient): Promise<boolean> {
    const { heardAt } = client;
    if (heardAt < this.silentSince) {
      client.stream.destroy();
      return false;
    }
    return (
      performance.now() - heardAt < ASK_WHEN_IDLE_FOR_MS || (await client.answersWithin(ANSWER_WITHIN_MS))
    );
  }

  private async prepare(client: DatabaseClient): Promise<void> {
    this.condition.watch(client);
    client.onSilence = () => {
      this.silentSince = performance.now();
      this.condition.doubtOthers(client);
    };
    client.backend = await pinSettings(client, this.limits);
    if (client.backend.pid !== client.processId) await this.refuseTransactionPooling();
    await this.config.prepare?.(client);
    client.statementLimitMs = this.limits.statementTimeoutMs;
    client.heardAt = performance.now();
    this.condition.recover();
  }

  /** Whoever answers is not PostgreSQL itself. Its mode may change while it runs. */
  private async refuseTransactionPooling(): Promise<void> {
    if (performance.now() - this.poolerAskedAt > POOLER_FINE_FOR_MS) {
      this.poolerAskedAt = performance.now();
      this.poolerIsFine = refuseTransactionPooling(this.config);
    }
    await this.poolerIsFine?.catch((error: unknown) => {
      this.poolerAskedAt = -Infinity;
      throw error;
    });
  }
}
