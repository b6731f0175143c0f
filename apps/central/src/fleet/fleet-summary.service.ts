import { Injectable } from '@nestjs/common';
import { errorCatalogue, isErrorCode } from '@rivulet/errors';
import { Coalesced } from '@rivulet/platform';
import { DeviceTables } from '../devices/device-tables';
import { CentralProcesses } from '../devices/presence/central-processes';
import type { Percentiles } from '../live/nudges/proof-latency';
import type { DegradedPart, ProcessReport } from './degraded-parts';
import { DeviceProgress } from './device-progress';
import { FleetEnv } from './fleet.env';
import { fleetStates, readFleet, type FleetCounts, type FleetDevice, type FleetState } from './read-fleet';

export const DEVICES_NAMED_MAX = 100;
/** So many people may look at it at once. */
const FRESH_MS = 1_000;

export interface TroubledDevice extends FleetDevice {
  nextStep: string | null;
}

export interface FleetSummary {
  at: string;
  total: number;
  states: Record<FleetState, number>;
  online: number;
  agents: FleetCounts['agents'];
  notServed: FleetCounts['notServed'];
  worstLag: TroubledDevice | null;
  reasons: { code: string; devices: number; nextStep: string | null }[];
  devices: TroubledDevice[];
  publishedToProved: Percentiles | null;
  degraded: (DegradedPart & { centrals: string[] })[];
  centrals: {
    processId: string;
    host: string;
    startedAt: Date;
    connected: number;
    degraded: DegradedPart[];
  }[];
}

/** How the fleet is, as any process of central can tell: by what all of them have written. */
@Injectable()
export class FleetSummaryService {
  private readonly reading = new Coalesced(() => this.read());
  private last: { summary: FleetSummary; atMs: number } | undefined;

  constructor(
    private readonly env: FleetEnv,
    private readonly tables: DeviceTables,
    private readonly processes: CentralProcesses,
    private readonly progress: DeviceProgress,
  ) {}

  /** The fleet's state, at most a second old. @param named - how many of the devices that need attention */
  async summary(named: number): Promise<FleetSummary> {
    const isFresh = this.last !== undefined && performance.now() - this.last.atMs < FRESH_MS;
    const summary = isFresh ? this.last!.summary : await this.reading.run();
    return { ...summary, devices: summary.devices.slice(0, named) };
  }

  private async read(): Promise<FleetSummary> {
    const atMs = performance.now();
    // A sync that this process has answered is part of the picture.
    await this.progress.flushInBackground();
    const [[row], centrals] = await Promise.all([
      this.tables.rows<{ fleet: FleetCounts }>(readFleet, [this.env.silentAfterMs, DEVICES_NAMED_MAX]),
      this.processes.list(),
    ]);
    const { worst, unconnected, ...counts } = row!.fleet;
    const states = Object.fromEntries(
      fleetStates.map((state) => [state, counts.states[state] ?? 0]),
    ) as Record<FleetState, number>;
    const reports = centrals.map(({ processId, report }) => ({
      processId,
      ...(report as Partial<ProcessReport>),
    }));
    const summary: FleetSummary = {
      at: new Date().toISOString(),
      total: Object.values(states).reduce((sum, count) => sum + count, 0),
      ...counts,
      states,
      worstLag: worst && withNextStep(worst),
      reasons: counts.reasons.map((reason) => ({ ...reason, nextStep: nextStepOf(reason.code) })),
      devices: counts.devices.map(withNextStep),
      publishedToProved: slowest(reports.flatMap(({ latency }) => latency ?? [])),
      degraded: [...gather(reports), ...withoutConnection(unconnected)],
      centrals: centrals.map(({ report, ...process }) => ({
        ...process,
        degraded: (report as Partial<ProcessReport>).degraded ?? [],
      })),
    };
    this.last = { summary, atMs };
    return summary;
  }
}

/** The slowest of several processes counts: percentiles cannot be added up. */
function slowest(all: Percentiles[]): Percentiles | null {
  if (all.length === 0) return null;
  const most = (name: keyof Percentiles): number => Math.max(...all.map((each) => each[name]));
  const count = all.reduce((sum, each) => sum + each.count, 0);
  return { count, p50Ms: most('p50Ms'), p95Ms: most('p95Ms'), p99Ms: most('p99Ms') };
}

/** A statement that several processes share is given once. */
function gather(reports: { processId: string; degraded?: DegradedPart[] }[]): FleetSummary['degraded'] {
  const byText = new Map<string, FleetSummary['degraded'][number]>();
  for (const { processId, degraded = [] } of reports) {
    for (const { part, problem } of degraded) {
      const known = byText.get(`${part} ${problem}`) ?? { part, problem, centrals: [] };
      known.centrals.push(processId);
      byText.set(`${part} ${problem}`, known);
    }
  }
  return [...byText.values()];
}

function withoutConnection(devices: number): FleetSummary['degraded'] {
  if (devices === 0) return [];
  const who = devices === 1 ? '1 edge calls and has' : `${devices} edges call and have`;
  const problem = `${who} no live connection: changes arrive by the schedule alone. /health of the edge says why.`;
  return [{ part: 'live', problem, centrals: [] }];
}

function withNextStep(device: FleetDevice): TroubledDevice {
  return { ...device, nextStep: device.code === null ? stepOfState[device.state] : nextStepOf(device.code) };
}

function nextStepOf(code: string): string | null {
  return isErrorCode(code) ? errorCatalogue[code].nextStep : null;
}

const stepOfState: Record<FleetState, string | null> = {
  current: null,
  failing: null,
  behind: 'Wait for its sync; if this stays, read the log of the edge.',
  silent: 'Look whether the device has power and network, and whether the edge runs.',
  never: 'Start the edge, and look whether it is enrolled and has a scope.',
};
