import { Injectable, Logger } from '@nestjs/common';
import { namedError } from '@rivulet/platform';
import type { RowNotes } from '../../source/row-notes/row-notes';
import { notedEntry } from './row-rule';
import { RealtimeEnv } from '../realtime.env';
import { RealtimeMetrics } from '../realtime.metrics';
import { loadRealtimeFile, type CheckRows } from './realtime-file';
import { TopicRules } from './topic-rules';

/** The rules of now. They are replaced as a whole. */
@Injectable()
export class CurrentRules {
  private readonly logger = new Logger('Realtime');
  private readonly listeners: (() => void)[] = [];
  private readAt = new Date();

  private constructor(
    private readonly path: string | undefined,
    private readonly metrics: RealtimeMetrics,
    private readonly check: CheckRows,
    private current: TopicRules,
  ) {}

  /** @throws RivuletError REALTIME_FILE_INVALID · SOURCE_UNAVAILABLE */
  static async load(
    { file }: RealtimeEnv,
    metrics: RealtimeMetrics,
    notes: Pick<RowNotes, 'check'>,
  ): Promise<CurrentRules> {
    const check: CheckRows = (rows) => notes.check(rows.map(notedEntry));
    const rules = file === undefined ? TopicRules.none : await loadRealtimeFile(file, check);
    return new CurrentRules(file, metrics, check, rules);
  }

  get rules(): TopicRules {
    return this.current;
  }

  get loadedAt(): Date {
    return this.readAt;
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /**
   * Reads the file again. A file with a mistake changes nothing.
   *
   * @throws RivuletError REALTIME_FILE_INVALID · SOURCE_UNAVAILABLE
   */
  async reload(): Promise<void> {
    if (this.path === undefined) return;
    try {
      this.current = await loadRealtimeFile(this.path, this.check);
      this.readAt = new Date();
      this.metrics.reloads.inc({ outcome: 'loaded' });
      this.logger.log(`Reloaded ${this.path}: ${this.rules.rules.length} topics.`);
    } catch (error) {
      this.metrics.reloads.inc({ outcome: 'failed' });
      const { code, message } = namedError(error);
      this.logger.error(
        { code },
        `${this.path} was rejected; the topics loaded before stay in force: ${message}`,
      );
      throw error;
    }
    for (const listener of this.listeners) listener();
  }
}
