import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ApplicationTokens } from '../identity/application-tokens';
import { CurrentRules } from '../rules/current-rules';

/** Reads the file of topics, and that of keys, again: when it is asked for, and on SIGHUP. */
@Injectable()
export class ReloadRules implements OnModuleInit, OnModuleDestroy {
  private readonly onSignal = (): void => {
    // The file's errors have been logged.
    this.reload().catch(() => undefined);
  };

  constructor(
    private readonly rules: CurrentRules,
    private readonly tokens: ApplicationTokens,
  ) {}

  onModuleInit(): void {
    if (process.platform !== 'win32') process.on('SIGHUP', this.onSignal);
  }

  onModuleDestroy(): void {
    process.off('SIGHUP', this.onSignal);
  }

  /** @throws RivuletError REALTIME_FILE_INVALID, and then what was loaded before stays in force */
  async reload(): Promise<{ topics: number; loadedAt: string }> {
    await this.tokens.reload();
    await this.rules.reload();
    return { topics: this.rules.rules.rules.length, loadedAt: this.rules.loadedAt.toISOString() };
  }
}
