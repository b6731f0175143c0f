import { Client, type ClientBase, type ClientConfig } from 'pg';
import type { ErrorMarks } from '../error-marks';
import type { PostgresError } from '../postgres-error';
import { sqlState } from '../sql-state';
import { asPrepared } from './prepared-statement';
import { activityOf, endAtServer, type BackendActivity } from './backend-probe';
import type { Backend } from './session-settings';
import { SilenceWatch, silenceTimes, type SilenceTimes, type WatchedConnection } from './silence-watch';
import { SilentConnectionError } from './silent-connection';

/** For the statements that prepare a connection. */
const PREPARE_WITHIN_MS = 10_000;

/** A server that does not answer our goodbye is not waited for. */
const END_WITHIN_MS = 2_000;

export interface DatabaseClientConfig extends ClientConfig {
  silence?: Partial<SilenceTimes>;
  /** Whoever the connection belongs to ends. */
  ending?: AbortSignal;
}

/** Fields of a query of pg's client that a subclass may use, and TypeScript is not told of. */
interface Statement {
  text?: string;
  isUpToUs?: boolean;
}

/** A connection that notices that nobody answers, and what was the matter. */
export class DatabaseClient extends Client implements WatchedConnection {
  /** The limit that the server has for the statements of now. 0 means none. */
  statementLimitMs = PREPARE_WITHIN_MS;
  backend: Backend | undefined;
  /** Before the server began its session. */
  readonly madeAt = performance.now();
  /** When it was given back to the pool, or made. */
  heardAt = performance.now();
  onLost: (error: Error) => void = () => undefined;
  onSilence: () => void = () => undefined;
  onError: (error: PostgresError) => void = () => undefined;
  private readonly watch: SilenceWatch;
  private statement: Statement | undefined;
  private sentAt = 0;

  constructor(private readonly config: DatabaseClientConfig) {
    super(config);
    this.watch = new SilenceWatch(this, { ...silenceTimes, ...config.silence });
    // Whoever waits for an answer gets the error too; without a listener Node would end the process.
    this.on('error', (error) => this.onLost(error));
    this.on('end', () => this.watch.end());
    // Before pg's own listeners, which are added when it connects.
    this.connection.on('errorMessage', (error: PostgresError) => this.mark(error));
    this.connection.on('readyForQuery', () => (this.sentAt = performance.now()));
    this.watchQueries();
  }

  get isWaiting(): boolean {
    return !(this as unknown as { readyForQuery?: boolean }).readyForQuery;
  }

  get isUpToUs(): boolean {
    return this.statement?.isUpToUs === true;
  }

  get isSuspect(): boolean {
    return this.watch.isSuspect;
  }

  get stream(): WatchedConnection['stream'] {
    return this.connection.stream;
  }

  /** Who answers says that it is this process, which is not true of a pooler. */
  get processId(): number | null {
    return (this as unknown as { processID: number | null }).processID;
  }

  /** The statement that an answer is waited for. */
  get doing(): string | undefined {
    return this.isWaiting ? this.statement?.text : undefined;
  }

  override connect(): Promise<Client>;
  override connect(callback: ((error: Error) => void) | ((error: null, client: Client) => void)): void;
  override connect(callback?: (error: never, client: Client) => void): Promise<Client> | undefined {
    if (callback === undefined)
      return super.connect().catch((error: unknown) => Promise.reject(refusal(error)));
    super.connect((error: Error | null, client?: Client) => {
      callback((error && refusal(error)) as never, client!);
    });
    return undefined;
  }

  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | undefined {
    const timer = setTimeout(() => this.stream.destroy(), END_WITHIN_MS).unref();
    this.once('end', () => clearTimeout(timer));
    if (callback === undefined) return super.end();
    super.end(callback);
    return undefined;
  }

  doubt(): void {
    this.watch.doubt();
  }

  async askServer(): Promise<BackendActivity> {
    return this.backend === undefined ? 'unknown' : activityOf(this.config, this.backend);
  }

  /** Closes the connection, which fails the statement that waits, and has the server end its session, too. */
  abandon(silentMs: number): void {
    this.onSilence();
    this.stream.destroy(new SilentConnectionError(silentMs));
    if (this.backend !== undefined) void endAtServer(this.config, this.backend, this.config.ending);
  }

  /** Whether the server answers within a time. If not, the connection is closed. */
  async answersWithin(timeoutMs: number): Promise<boolean> {
    const timer = setTimeout(() => this.abandon(timeoutMs), timeoutMs);
    try {
      await this.query('SELECT 1');
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  /** pg has eight signatures of `query`; all of them lead through here. */
  private watchQueries(): void {
    const submit = this.query.bind(this) as (...given: unknown[]) => unknown;
    this.query = ((...given: unknown[]) => {
      if (!this.isWaiting) this.sentAt = performance.now();
      const [statement] = given;
      this.statement = typeof statement === 'string' ? { text: statement } : (statement as Statement);
      this.watch.begin();
      return submit(...asPrepared(given));
    }) as ClientBase['query'];
  }

  private mark(error: PostgresError & ErrorMarks): void {
    if (error.code === sqlState.queryCanceled && this.isCancelledByOthers(error)) {
      error.cancelledByOthers = true;
    }
    this.onError(error);
  }

  /** PostgreSQL has one SQLSTATE for both, and says which it is in a language that we do not choose. */
  private isCancelledByOthers({ message }: PostgresError): boolean {
    if (message.includes('statement timeout')) return false;
    if (message.includes('user request')) return true;
    const elapsedMs = performance.now() - this.sentAt;
    return this.statementLimitMs === 0 || elapsedMs < this.statementLimitMs;
  }
}

/**
 * Says what limit the server has for the statements that follow.
 *
 * @returns puts the limit before back
 */
export function expectStatementLimit(client: ClientBase, limitMs: number): () => void {
  if (!(client instanceof DatabaseClient)) return () => undefined;
  const before = client.statementLimitMs;
  client.statementLimitMs = limitMs;
  return () => (client.statementLimitMs = before);
}

function refusal(error: unknown): Error {
  return Object.assign(error as Error, { refusesConnection: true } satisfies ErrorMarks);
}
