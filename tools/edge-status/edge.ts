import { appRuntimeFile, readRuntimeFile, systemRuntimeFile } from '#scripts/runtime-file.mjs';
import { Failure } from '../failure';

const TIMEOUT_MS = 10_000;
const USUAL_PORT = '8081';

/** What this tool reads of GET /api/sync/status. */
export interface EdgeStatus {
  state: 'idle' | 'syncing' | 'scrubbing';
  macAddress: string;
  identity: { auth: string; deviceId?: string; keyThumbprint?: string };
  live: { connected: boolean; since: string; problem?: string; lastNudgeAt?: string };
  progress?: { phase: string; rowsDone: number; rowsTotal: number };
  lastResult?: {
    status: 'applied' | 'current' | 'failed';
    trigger: string;
    manifestId: string | null;
    epoch: number | null;
    sequence: number | null;
    finishedAt: string;
    durations: { totalMs: number };
    acknowledged: boolean;
    error?: { code: string; message: string; nextStep: string };
  };
  lastScrub?: { status: string; finishedAt: string };
  nextRunAt?: string;
  mirrors: {
    name: string;
    schema: string;
    table: string;
    rows: number;
    bytes: number;
    checksum: string;
    loadedAt: string;
  }[];
}

export interface EdgeReport extends EdgeStatus {
  url: string;
  /** Since its rows were last confirmed; null when they never were. */
  lagSeconds: number | null;
}

/** The edge of `npm start`, or the one at its usual port. */
export function findEdge(given: string | undefined): string {
  const runtime = readRuntimeFile(systemRuntimeFile) ?? readRuntimeFile(appRuntimeFile('edge'));
  const port = process.env['EDGE_PORT'] ?? USUAL_PORT;
  return (given ?? runtime?.edgeUrl ?? `http://127.0.0.1:${port}`).replace(/\/+$/, '');
}

/** @throws Failure in the words of the edge */
export async function readEdge(url: string): Promise<EdgeReport> {
  const status = await get<EdgeStatus>(url, '/api/sync/status');
  const health = await get<Health>(url, '/health', [503]);
  return { url, ...status, lagSeconds: health.details?.lastSync?.ageSeconds ?? null };
}

interface Health {
  details?: { lastSync?: { ageSeconds?: number | null } };
}

async function get<T>(url: string, path: string, alsoFine: number[] = []): Promise<T> {
  const token = process.env['EDGE_API_TOKEN'];
  const headers = token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(`${url}${path}`, { headers, signal }).catch((error: unknown) => {
    throw new Failure(
      `The edge at ${url} does not answer: ${reasonOf(error)}. Start it, or say where it is with --edge.`,
    );
  });
  const answer = (await response.json().catch(() => undefined)) as
    (T & { detail?: string; nextStep?: string }) | undefined;
  if (answer === undefined) throw new Failure(`${url} is not an edge: ${path} answers no JSON.`);
  if (response.ok || alsoFine.includes(response.status)) return answer;
  throw new Failure(`The edge answered: ${answer.detail ?? response.status} ${answer.nextStep ?? ''}`.trim());
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}
