import { Logger } from '@nestjs/common';
import { abbreviateList } from './abbreviate-list';

/** Says in the log what is watched and what is not, each time that this is something else. */
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
      this.logger.log(`Changes are noticed of the tables ${abbreviateList(tables, ', ')}`);
  }

  /** @param polled for each reason the queries that are read again for it */
  sayPolled(polled: ReadonlyMap<string, string[]>, isChosen: boolean): void {
    const parts = [...polled].map(([reason, names]) => `${abbreviateList(names, ', ')}: ${reason}`);
    const text = parts.join('; ');
    if (text === this.polled) return;
    this.polled = text;
    const age = `${this.pollIntervalMs / 1000} s`;
    if (isChosen) this.logger.log(`Everything is read again when it is older than ${age}`);
    else if (parts.length === 0) {
      this.logger.log('Every change of what the datasets file reads is noticed again');
    } else {
      this.logger.warn(
        `Not every change is noticed, so this is read again when it is older than ${age}: ${abbreviateList(parts, '; ')}`,
      );
    }
  }
}
