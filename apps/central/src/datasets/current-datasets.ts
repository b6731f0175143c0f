import { Injectable, Logger } from '@nestjs/common';
import { namedError } from '@rivulet/platform';
import type { RivuletError } from '@rivulet/errors';
import {
  type CatalogueChanges,
  describeChanges,
  compareCatalogues,
  DatasetCatalogue,
  hasChanges,
} from '@rivulet/datasets';
import type { SourceDatabase } from '../source-database/source-database';
import type { DatasetsMetrics } from './datasets.metrics';

/**
 * The catalogue of now. It is replaced as a whole: who works with one keeps it until the work is done, and reads
 * `catalogue` once.
 */
@Injectable()
export class CurrentDatasets {
  private readonly logger = new Logger('Datasets');
  /** Catalogue replacements run one at a time. */
  private turn: Promise<unknown> = Promise.resolve();
  private held: DatasetCatalogue;
  private readAt = new Date();
  private wrong: RivuletError | undefined;

  private constructor(
    readonly path: string,
    private readonly source: SourceDatabase,
    private readonly metrics: DatasetsMetrics,
    catalogue: DatasetCatalogue,
  ) {
    this.held = catalogue;
    this.metrics.loaded.set(catalogue.datasets.length);
  }

  /** @throws RivuletError as DatasetCatalogue.load */
  static async load(
    path: string,
    source: SourceDatabase,
    metrics: DatasetsMetrics,
  ): Promise<CurrentDatasets> {
    return new CurrentDatasets(path, source, metrics, await DatasetCatalogue.load(path, source.pool));
  }

  get catalogue(): DatasetCatalogue {
    return this.held;
  }

  /** When the file was read. */
  get loadedAt(): Date {
    return this.readAt;
  }

  /** Why the source no longer fits the catalogue, so that no manifest can be made of it. */
  get problem(): RivuletError | undefined {
    return this.wrong;
  }

  /** @throws RivuletError DATASETS_FILE_INVALID while the source does not fit the catalogue */
  throwIfUnfit(): void {
    if (this.wrong !== undefined) throw this.wrong;
  }

  /**
   * Reads the file again. A file with a mistake changes nothing.
   *
   * @throws RivuletError as DatasetCatalogue.load
   */
  async reload(): Promise<CatalogueChanges> {
    return this.inTurn(async () => {
      try {
        const next = await this.source.ask(() => DatasetCatalogue.load(this.path, this.source.pool));
        const changes = compareCatalogues(this.held, next);
        this.replaceBy(next);
        this.readAt = new Date();
        this.metrics.reloads.inc({ outcome: 'loaded' });
        this.logger.log(`Reloaded ${this.path}: ${describeChanges(changes)}.`);
        return changes;
      } catch (error) {
        this.metrics.reloads.inc({ outcome: 'failed' });
        const { code, message, cause } = namedError(error);
        const fields = { code, ...(code === 'INTERNAL' && { err: cause }) };
        this.logger.error(
          fields,
          `${this.path} was rejected; the datasets loaded before stay in force: ${message}`,
        );
        throw error;
      }
    });
  }

  /**
   * Has the source describe the same queries as it is now: its tables may have changed. A refusal is logged
   * once and stays the problem until it is corrected.
   *
   * @returns whether the catalogue changed
   * @throws RivuletError SOURCE_UNAVAILABLE · DATABASE_UNAVAILABLE when the source cannot say
   */
  async describeAgain(): Promise<boolean> {
    return this.inTurn(async () => {
      try {
        const next = await this.source.ask(() => this.held.redescribe(this.source.pool));
        const changes = compareCatalogues(this.held, next);
        if (this.wrong !== undefined) this.logger.log(`The source fits ${this.path} again`);
        this.setProblem(undefined);
        if (!hasChanges(changes)) return false;
        this.replaceBy(next);
        this.logger.log(`Source schema changed: ${describeChanges(changes)}.`);
        return true;
      } catch (error) {
        const problem = namedError(error);
        if (problem.code !== 'DATASETS_FILE_INVALID') throw error;
        if (problem.message !== this.wrong?.message) {
          const { code, message } = problem;
          this.logger.error(
            { code },
            `The source no longer fits ${this.path}, and no device can sync: ${message}`,
          );
        }
        this.setProblem(problem);
        return false;
      }
    });
  }

  private replaceBy(catalogue: DatasetCatalogue): void {
    this.held = catalogue;
    this.metrics.loaded.set(catalogue.datasets.length);
    this.setProblem(undefined);
  }

  private setProblem(problem: RivuletError | undefined): void {
    this.wrong = problem;
    this.metrics.unfit.set(problem === undefined ? 0 : 1);
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work, work);
    this.turn = result.catch(() => undefined);
    return result;
  }
}
