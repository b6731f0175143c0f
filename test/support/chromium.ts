import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { isInstalled } from '@rivulet/testing';
import { WebSocket } from 'ws';

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
  'remote-debugging-port=0',
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

/** A browser without a window, with a profile of its own, over the DevTools protocol. */
export class Chromium {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private lastId = 0;

  private constructor(
    private readonly child: ChildProcess,
    private readonly profile: string,
    private readonly socket: WebSocket,
  ) {
    socket.on('message', (data: Buffer) => {
      const answer = JSON.parse(data.toString()) as Answer;
      this.waiting.get(answer.id)?.(answer);
      this.waiting.delete(answer.id);
    });
  }

  static async start(): Promise<Chromium> {
    const profile = mkdtempSync(join(tmpdir(), 'rivulet-chromium-'));
    const options = OPTIONS.concat(`user-data-dir=${profile}`).map((option) => `--${option}`);
    const child = spawn(PROGRAM, options, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    for await (const line of createInterface(child.stderr)) {
      const address = /^DevTools listening on (\S+)$/.exec(line)?.[1];
      if (address === undefined) continue;
      child.stderr.resume();
      const socket = new WebSocket(address);
      await once(socket, 'open');
      return new Chromium(child, profile, socket);
    }
    throw new Error('Chromium ended before it could be spoken to.');
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
    this.socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }));
    const { result, error } = await promise;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result!;
  }

  /** With all processes of its own. */
  async stop(): Promise<void> {
    const exited = once(this.child, 'close');
    process.kill(-this.child.pid!, 'SIGKILL');
    await exited;
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
