import { hash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DEVICE,
  FakeWorker,
  SigningCentral,
  TemporaryDirectory,
} from '../../../apps/edge/test/configuration-fixture';
import { ApplyConfiguration } from '../../../apps/edge/src/configuration/apply-configuration';
import { ConfigurationCache } from '../../../apps/edge/src/configuration/statement/configuration-cache';
import { WorkerClient } from '../../../apps/edge/src/configuration/workers/worker-client';
import { WorkerSet } from '../../../apps/edge/src/configuration/workers/worker-set';
import { dataOf, DocumentWatch } from '../documents/document-watch';
import type { FailingDisk } from '../attacks/failing-disk';
import { Randomness } from '../histories/random-source';

interface Sent {
  version: number;
  document: string;
}

type Step = (history: KilledEdge) => Promise<void>;

/** Writes of one version, at most. */
const WRITES = 3;
const FLICKERS = 3;

/** The configuration of an edge and a worker that are killed at any point, beside others that send what nobody may take. */
export class KilledEdge {
  private readonly watch = new DocumentWatch();
  private readonly sent: Sent[] = [];
  private readonly refused = new Set<number>();
  private readonly directory = new TemporaryDirectory();
  private cache!: ConfigurationCache;
  private apply!: ApplyConfiguration;

  private constructor(
    private readonly central: SigningCentral,
    private readonly stranger: SigningCentral,
    private readonly worker: FakeWorker,
    private readonly disk: FailingDisk,
    private readonly random: Randomness,
  ) {
    worker.refuses = (version) => this.refused.has(version);
    worker.onTaken = (document) => this.watch.look(document);
  }

  static async start(seed: number, disk: FailingDisk): Promise<KilledEdge> {
    const [central, stranger] = [await SigningCentral.create(), await SigningCentral.create()];
    const history = new KilledEdge(central, stranger, await FakeWorker.start(), disk, new Randomness(seed));
    await history.startEdge();
    return history;
  }

  /** @returns the first thing that went wrong */
  async play(steps: number): Promise<string | undefined> {
    await this.publish(true);
    for (let step = 0; step < steps && this.watch.faults.length === 0; step++) {
      if (this.random.below(3) === 0) this.disk.failAfter(this.random.below(WRITES), this.random);
      await this.random.pick(allSteps)(this);
      await this.settle();
    }
    this.disk.failAfter(Infinity, this.random);
    await this.publish(true);
    await this.settle();
    await this.killWorker();
    // As it does every few seconds. The first may still use a connection to the worker before.
    await this.settle();
    await this.settle();
    const { version } = this.sent.at(-1)!;
    if (this.worker.runs !== version)
      this.watch.faults.push(`${this.worker.runs} runs in place of ${version}`);
    return this.watch.faults[0];
  }

  async close(): Promise<void> {
    await this.worker.kill();
    this.directory.remove();
  }

  /** Central has something new, which a worker may refuse. */
  async publish(isGood = this.random.below(4) > 0): Promise<void> {
    const version = this.sent.length + 1;
    if (!isGood) this.refused.add(version);
    const document = await this.central.sign(version, version, { data: dataOf(version) });
    this.sent.push({ version, document });
    await this.receive(document);
  }

  /** Killed, started and killed again. */
  async flicker(): Promise<void> {
    for (let time = 0; time < FLICKERS; time++) {
      this.disk.failAfter(this.random.below(2), this.random);
      await this.publish(true);
      await this.settle();
    }
    this.disk.failAfter(Infinity, this.random);
    await this.replay();
  }

  /** Somebody on the way sends what central has sent before. */
  async replay(): Promise<void> {
    await this.receive(this.random.pick(this.sent).document);
  }

  async sendOfStranger(): Promise<void> {
    await this.receive(await this.stranger.sign(1_000, 1_000, { data: { url: 'of a stranger' } }));
  }

  async sendForged(): Promise<void> {
    await this.receive(this.forged());
  }

  async sendOfAnotherDevice(): Promise<void> {
    const deviceId = DEVICE.replace('2R', '2S');
    const data = { url: 'of another device' };
    await this.receive(await this.central.sign(1_000, 1_000, { deviceId, data }));
  }

  /** Somebody writes to the files of an edge that is down. */
  async changeFile(): Promise<void> {
    const path = join(this.directory.path, `${this.random.pick(['accepted', 'good'])}.json`);
    const kept = { document: this.forged(), etag: '"1000"' };
    const before = readFileSync(path, { encoding: 'utf8', flag: 'a+' });
    writeFileSync(path, JSON.stringify({ ...kept, sum: hash('sha256', JSON.stringify(kept)) }));
    await this.startEdge();
    await this.settle();
    // The rest of the history needs what was there.
    writeFileSync(path, before);
    await this.startEdge();
  }

  async killWorker(): Promise<void> {
    await this.worker.kill();
    await this.worker.listen();
  }

  private async receive(document: string): Promise<void> {
    const { version } = JSON.parse(payloadOf(document)) as { version: number };
    try {
      await this.cache.accept(document, `"${version}"`);
    } catch {
      // Refused, or the edge was killed.
    }
    await this.restartIfDown();
  }

  private async settle(): Promise<void> {
    const { signal } = this.disk.power;
    try {
      await this.apply.settle(signal);
    } catch (error) {
      if (!signal.aborted) this.watch.faults.push(`not settled: ${String(error)}`);
    }
    await this.restartIfDown();
  }

  private async restartIfDown(): Promise<void> {
    if (this.disk.power.signal.aborted) await this.startEdge();
  }

  private async startEdge(): Promise<void> {
    this.disk.start();
    const { signal } = this.disk.power;
    const expected = { name: 'default', deviceId: DEVICE, trustedKey: this.central.thumbprint };
    this.cache = await ConfigurationCache.open(this.directory.path, () => expected);
    const sources = { variables: [], environment: {}, directory: undefined };
    const workers = new WorkerSet([new WorkerClient(this.worker.url, undefined)], sources);
    const settings = { healthyForMs: 0, retryMs: { first: 1, most: 5 } };
    this.apply = new ApplyConfiguration(this.cache, workers, settings, (report) => {
      if (signal.aborted || report.status !== 'APPLIED') return;
      this.watch.heardApplied(report.version);
      if (this.worker.runs !== report.version)
        this.watch.faults.push(`${report.version} is reported; ${this.worker.runs} runs`);
    });
  }

  /** The last one with another content, under its signature. */
  private forged(): string {
    const [header, , signature] = this.sent.at(-1)!.document.split('.');
    const payload = { ...(JSON.parse(payloadOf(this.sent.at(-1)!.document)) as object) };
    const changed = { ...payload, version: 1_000, sequence: 1_000, data: { url: 'forged' } };
    return [header, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
  }
}

const allSteps: Step[] = [
  (history) => history.publish(),
  (history) => history.publish(),
  (history) => history.flicker(),
  (history) => history.replay(),
  (history) => history.replay(),
  (history) => history.sendOfStranger(),
  (history) => history.sendForged(),
  (history) => history.sendOfAnotherDevice(),
  (history) => history.changeFile(),
  (history) => history.killWorker(),
];

export function payloadOf(document: string): string {
  return Buffer.from(document.split('.')[1] ?? '', 'base64url').toString('utf8');
}
