/** What the tools read of the edge's GET /api/sync/status. */
export interface SyncStatus {
  state: 'idle' | 'syncing';
  identity?: EdgeIdentity;
  progress?: SyncProgress;
  lastResult?: SyncResult | null;
}

export interface EdgeIdentity {
  macAddress: string;
  deviceId?: string;
  keyThumbprint?: string;
}

export interface SyncProgress {
  phase: string;
  rowsDone: number;
  rowsTotal: number;
  bytesDone: number;
  bytesTotal: number;
}

export interface SyncResult {
  status: 'applied' | 'current' | 'failed';
  manifestId: string | null;
  startedAt: string;
  durations: { totalMs: number };
  wireBytes: number;
  acknowledged: boolean;
  tables: { table: string; action: string; rows: number; bytes: number; checksum: string }[];
  error?: { code: string; message: string; nextStep: string };
}

const TIMEOUT_MS = 5_000;

/** Undefined while the edge does not answer. */
export async function readSyncStatus(edgeUrl: string): Promise<SyncStatus | undefined> {
  try {
    const response = await fetch(`${edgeUrl}/api/sync/status`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? ((await response.json()) as SyncStatus) : undefined;
  } catch {
    return undefined;
  }
}
