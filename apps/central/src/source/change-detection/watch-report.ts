import { Logger } from '@nestjs/common';
import { abbreviateList } from './abbreviate-list';

/** Logs what is watched and what is not, whenever this changes. */
export class WatchReport {
  private readonly logger = new Logger('Changes');
  private tables = '';
  private polled = '';

  constructor(private readonly pollIntervalMs: number) {}

  /** @param tables their names */
  sayWatched(tables: string[]): void {
    const text = tables.join(', ');
    if (text === this.tables) return;
    this.tables = text;
    if (tables.length > 0)
      this.logger.log(`Changes are detected in the tables ${abbreviateList(tables, ', ')}`);
  }

  /** @param polled for each reason the queries that are read again for it */
  sayPolled(polled: ReadonlyMap<string, string[]>, isChosen: boolean): void {
    const parts = [...polled].map(([reason, names]) => `${abbreviateList(names, ', ')}: ${reason}`);
    const text = parts.join('; ');
    if (text === this.polled) return;
    this.polled = text;
    const age = `${this.pollIntervalMs / 1000} s`;
    if (isChosen) this.logger.log(`Everything is re-read when it is older than ${age}`);
    else if (parts.length === 0) {
      this.logger.log('Every change of what the datasets file reads is detected again');
    } else {
      this.logger.warn(
        `Not every change can be detected, so these are re-read when older than ${age}: ${abbreviateList(parts, '; ')}`,
      );
    }
  }
}
