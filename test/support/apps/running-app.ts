import { complaintsIn, type AppProcess } from '@rivulet/app-process';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** What tests do with an app, in whichever process it runs. */
export type RunningApp = Pick<AppProcess, 'url' | 'log' | 'complaints' | 'stop' | 'kill' | 'signal'>;

/** An app in the process of the test, which listens already. */
export class ListeningApp implements RunningApp {
  private isStopped = false;

  constructor(
    private readonly app: NestFastifyApplication,
    readonly url: string,
    /** Undefined where its log is not its own: Nest has one logger in a process, that of the app which started last. */
    private readonly lines: string[] | undefined,
    private readonly onStopped: () => void = () => undefined,
  ) {}

  get log(): string {
    if (this.lines === undefined) throw new Error('Only a process of its own has a log of its own.');
    return this.lines.join('');
  }

  get complaints(): RunningApp['complaints'] {
    return complaintsIn(this.log);
  }

  /** The same for a pair that shares this process. */
  withoutLog(): ListeningApp {
    return new ListeningApp(this.app, this.url, undefined, this.onStopped);
  }

  async stop(): Promise<number> {
    if (!this.isStopped) {
      this.isStopped = true;
      await this.app.close();
      this.onStopped();
    }
    return 0;
  }

  async kill(): Promise<never> {
    return this.signal();
  }

  signal(): never {
    throw new Error('Only a process of its own can be told by a signal.');
  }
}
