import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { isInstalled } from '@rivulet/testing';

const PROGRAM = '/usr/bin/chromium';
const OPTIONS = [
  'headless',
  'no-sandbox',
  'disable-gpu',
  'disable-quic',
  'no-first-run',
  'disable-background-networking',
  'disable-component-update',
  'disable-sync',
  'disable-dev-shm-usage',
  'remote-debugging-pipe',
];

/** Otherwise a line says what is skipped. */
export function hasChromium(what: string): boolean {
  return isInstalled('chromium', what, PROGRAM);
}

interface Answer {
  id: number;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/**
 * A browser without a window, with a profile of its own, over the DevTools protocol: JSON texts that end with a zero byte. It
 * ends when nobody holds the other ends of its pipes any more.
 */
export class Chromium {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly exited: Promise<unknown>;
  private readonly profile = mkdtempSync(join(tmpdir(), 'rivulet-chromium-'));
  private readonly requests: Writable;
  private lastId = 0;

  constructor() {
    const options = OPTIONS.concat(`user-data-dir=${this.profile}`).map((option) => `--${option}`);
    const child = spawn(PROGRAM, options, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.exited = once(child, 'close');
    this.requests = child.stdio[3] as Writable;
    let text = '';
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (data: string) => {
      const answers = (text + data).split('\0');
      text = answers.pop()!;
      for (const answer of answers) this.take(JSON.parse(answer) as Answer);
    });
  }

  private take(answer: Answer): void {
    this.waiting.get(answer.id)?.(answer);
    this.waiting.delete(answer.id);
  }

  async open(url: string): Promise<ChromiumTab> {
    const { targetId } = await this.call('Target.createTarget', { url });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const tab = new ChromiumTab(this, sessionId as string);
    await tab.until(`document.readyState === 'complete'`);
    return tab;
  }

  /** @throws Error what the browser refuses */
  async call(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.lastId;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.waiting.set(id, resolve);
    this.requests.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { result, error } = await promise;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result!;
  }

  async stop(): Promise<void> {
    await this.call('Browser.close', {});
    await this.exited;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

export class ChromiumTab {
  constructor(
    private readonly browser: Chromium,
    private readonly sessionId: string,
  ) {}

  /** The value of an expression of JavaScript in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.browser.call(
      'Runtime.evaluate',
      { expression, returnByValue: true, awaitPromise: true },
      this.sessionId,
    )) as { result: { value: T }; exceptionDetails?: object };
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  }

  async until(expression: string): Promise<void> {
    while (!(await this.evaluate<boolean>(expression))) await delay(20);
  }
}
