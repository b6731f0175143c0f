import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import { CurrentDatasets } from '../../datasets/current-datasets';
import { type DatasetCatalogue, SCOPE_PARAMETERS } from '@rivulet/datasets';
import { SourceMetrics } from '../source.metrics';
import { ChangeDetection, type WatchedQuery } from './change-detection';

const EVERY_MS = 10_000;

/** Has change detection look, at the start and again and again, at what the queries of the datasets file depend on. */
@Injectable()
export class SourceWatch implements OnModuleInit {
  private readonly logger = new Logger('Changes');
  private readonly looking = new Coalesced(() => this.look());
  /** The definitions for which the catalogue is known to fit. */
  private described: string | undefined;
  /** By the monotonic clock. */
  private describedAtMs = performance.now();

  constructor(
    private readonly datasets: CurrentDatasets,
    private readonly changes: ChangeDetection,
    private readonly metrics: SourceMetrics,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.reconcile();
  }

  /** A source that is away is no reason to worry: nothing is read from it meanwhile. */
  @Interval('watch source', EVERY_MS)
  async reconcile(): Promise<void> {
    return this.looking.run();
  }

  private async look(): Promise<void> {
    try {
      await this.changes.reconcile(queriesOf(this.datasets.catalogue));
      if (!this.mayNoLongerFit()) return;
      const isAnother = await this.datasets.describeAgain();
      this.described = this.changes.definitionsSeen;
      this.describedAtMs = performance.now();
      if (isAnother) await this.changes.reconcile(queriesOf(this.datasets.catalogue));
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `The source could not be looked at: ${message}`);
    }
    this.count();
  }

  private count(): void {
    const queries = queriesOf(this.datasets.catalogue);
    const polled = queries.filter(({ name }) => this.changes.watchOf(name).polled !== undefined).length;
    this.metrics.queries.set({ detection: 'polled' }, polled);
    this.metrics.queries.set({ detection: 'watched' }, queries.length - polled);
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

function queriesOf({ scope, scopeQueryId, datasets }: DatasetCatalogue): WatchedQuery[] {
  return [
    {
      name: scopeQueryId,
      label: 'the scope query',
      template: scope.query.template,
      parameters: SCOPE_PARAMETERS,
    },
    ...datasets.map(({ queryId, schema, definition }) => ({
      name: queryId,
      label: `dataset ${schema.name}`,
      template: definition.query.template,
      parameters: scope.columns,
    })),
  ];
}
