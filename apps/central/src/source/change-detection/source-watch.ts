import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import { isDatabaseUnavailable, isPostgresError } from '@rivulet/postgres';
import { CurrentDatasets } from '../../datasets/current-datasets';
import { type DatasetCatalogue, SCOPE_PARAMETERS } from '@rivulet/datasets';
import { SourceMetrics } from '../source.metrics';
import { ChangeDetection, type WatchedQuery } from './change-detection';
import { LookPace } from './look-pace';

/** How often to ask whether a look is due. */
const TICK_MS = 1_000;

/** The last look at the definitions of the source. */
export interface LastLook {
  at: Date;
  tookMs: number;
  /** From its end to the beginning of the next. */
  pauseMs: number;
  /** Why it told nothing. */
  failure: string | undefined;
}

/** Has change detection look, at the start and again and again, at what the queries of the datasets file depend on. */
@Injectable()
export class SourceWatch implements OnModuleInit {
  private readonly logger = new Logger('Changes');
  private readonly looking = new Coalesced(() => this.lookNow());
  private readonly pace = new LookPace();
  private last: LastLook | undefined;
  /** Whether the last look was at queries, and not only at definitions that are as they were. */
  private hasNews = false;
  /** By the monotonic clock, as all times here. */
  private nextAtMs = 0;
  private succeededAtMs = performance.now();
  /** The definitions for which the catalogue is known to fit. */
  private described: string | undefined;
  private describedAtMs = performance.now();

  constructor(
    private readonly datasets: CurrentDatasets,
    private readonly changes: ChangeDetection,
    private readonly metrics: SourceMetrics,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.reconcile();
  }

  @Interval('watch source', TICK_MS)
  async reconcileWhenDue(): Promise<void> {
    if (performance.now() >= this.nextAtMs) await this.reconcile();
  }

  async reconcile(): Promise<void> {
    return this.looking.run();
  }

  get lastLook(): LastLook | undefined {
    return this.last;
  }

  private async lookNow(): Promise<void> {
    const startedAtMs = performance.now();
    const at = new Date();
    const error = await this.look().catch((thrown: unknown) => thrown ?? new Error('unknown'));
    const now = performance.now();
    const tookMs = now - startedAtMs;
    if (error === undefined) {
      this.pace.succeed(tookMs, this.hasNews);
      this.succeededAtMs = now;
    } else {
      this.pace.fail(tookMs, isAway(error));
      this.distrustWhatIsOld(error, now);
    }
    const failure = error === undefined ? undefined : reasonOf(error);
    this.last = { at, tookMs, pauseMs: this.pace.pause, failure };
    this.nextAtMs = now + this.pace.pause;
    this.metrics.look(tookMs, failure === undefined);
    this.count();
  }

  private async look(): Promise<undefined> {
    this.hasNews = await this.changes.reconcile(queriesOf(this.datasets.catalogue));
    if (!this.mayNoLongerFit()) return;
    const isAnother = await this.datasets.describeAgain();
    this.described = this.changes.definitionsSeen;
    this.describedAtMs = performance.now();
    if (isAnother) await this.changes.reconcile(queriesOf(this.datasets.catalogue));
  }

  /** Definitions that could not be looked at for longer than polled rows may be old are not known any more. */
  private distrustWhatIsOld(error: unknown, now: number): void {
    const { code } = namedError(error);
    const pause = `The next attempt is in ${Math.round(this.pace.pause / 1_000)} s.`;
    this.logger.warn({ code }, `The source could not be looked at: ${reasonOf(error)} ${pause}`);
    if (now - this.succeededAtMs < this.changes.pollIntervalMs) return;
    const reason = 'central cannot look at the definitions in the source';
    this.changes.distrust(reason, queriesOf(this.datasets.catalogue));
  }

  private count(): void {
    const queries = queriesOf(this.datasets.catalogue);
    const watched = queries
      .map(({ name }) => this.changes.watchOf(name))
      .filter(({ polled }) => polled === undefined);
    this.metrics.queries.set({ detection: 'polled' }, queries.length - watched.length);
    this.metrics.queries.set({ detection: 'watched' }, watched.length);
    const tables = watched.flatMap(({ tracking }) => tracking);
    const byParameter = tables.filter(({ columns }) => columns !== undefined).length;
    this.metrics.tables.set({ tracking: 'parameter' }, byParameter);
    this.metrics.tables.set({ tracking: 'table' }, tables.length - byParameter);
  }

  /** Where changes of the tables' definitions cannot be detected, they are polled, too. */
  private mayNoLongerFit(): boolean {
    if (this.datasets.problem !== undefined) return true;
    const { definitionsSeen, pollIntervalMs } = this.changes;
    if (definitionsSeen === undefined) return performance.now() - this.describedAtMs >= pollIntervalMs;
    // The file has just been read when they are seen for the first time.
    this.described ??= definitionsSeen;
    return this.described !== definitionsSeen;
  }
}

/** A source that is away is no reason to worry: nothing is read from it meanwhile. */
function isAway(error: unknown): boolean {
  return isDatabaseUnavailable(error) || namedError(error).code === 'SOURCE_UNAVAILABLE';
}

/** With PostgreSQL's hint: it names the setting of a server that has no more room for locks. */
function reasonOf(error: unknown): string {
  const named = namedError(error);
  if (named.code !== 'INTERNAL' || !isPostgresError(error)) return named.message;
  return `PostgreSQL says: ${error.message}.${error.hint === undefined ? '' : ` ${error.hint}`}`;
}

function queriesOf({ scope, scopeQueryId, datasets }: DatasetCatalogue): WatchedQuery[] {
  return [
    {
      name: scopeQueryId,
      label: 'the scope query',
      template: scope.query.template,
      parameters: SCOPE_PARAMETERS,
    },
    ...datasets.map(({ queryId, schema, definition, columns }) => ({
      name: queryId,
      label: `dataset ${schema.name}`,
      template: definition.query.template,
      parameters: scope.columns,
      key: columns.slice(0, definition.key.length),
    })),
  ];
}
