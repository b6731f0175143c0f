import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { namedError } from '@rivulet/platform';
import { DatasetCatalogue, SCOPE_PARAMETER } from '../datasets/dataset-catalogue';
import { ChangeDetection } from './change-detection';

/** The scope query among what is watched. */
export const SCOPE_WATCH = 'the scope query';

/** A dataset's query among what is watched. */
export function watchNameOf(dataset: string): string {
  return `dataset ${dataset}`;
}

const EVERY_MS = 10_000;

/** Has change detection look, at the start and again and again, at what the queries of the datasets file depend on. */
@Injectable()
export class SourceWatch implements OnModuleInit {
  private readonly logger = new Logger('Changes');
  private running = false;

  constructor(
    private readonly catalogue: DatasetCatalogue,
    private readonly changes: ChangeDetection,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.reconcile();
  }

  /** A source that is away is no reason to worry: nothing is read from it meanwhile. */
  @Interval('watch source', EVERY_MS)
  async reconcile(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      await this.changes.reconcile(this.queries());
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `The source could not be looked at: ${message}`);
    } finally {
      this.running = false;
    }
  }

  private queries(): Parameters<ChangeDetection['reconcile']>[0] {
    const { scope, datasets } = this.catalogue;
    const given = new Map([[SCOPE_PARAMETER, { type: 'text', value: null }]]);
    return [
      { name: SCOPE_WATCH, template: scope.query.template, parameters: given },
      ...datasets.map(({ schema, definition }) => ({
        name: watchNameOf(schema.name),
        template: definition.query.template,
        parameters: scope.columns,
      })),
    ];
  }
}
