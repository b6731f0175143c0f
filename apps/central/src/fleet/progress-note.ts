import type { SyncOutcome } from '../device-sync/sync-outcomes';

/** News of a device since it was last written. Undefined fields stay as they were. */
export interface ProgressNote {
  issuedManifestId?: string;
  issuedAt?: Date;
  provedManifestId?: string;
  /** With it, what failed before is over. */
  confirmedAt?: Date;
  failing?: { code: string; table?: string; at: Date } | undefined;
  /** Null when its heartbeat says that all is well. */
  reported?: { code: string; at: Date } | null;
}

/** The device's progress after this outcome. */
export function afterOutcome(before: ProgressNote, outcome: SyncOutcome, at: Date): ProgressNote {
  switch (outcome.kind) {
    case 'issued':
      return { ...before, issuedManifestId: outcome.manifestId, issuedAt: before.issuedAt ?? at };
    case 'applied':
      return confirmed({ ...before, provedManifestId: outcome.manifestId }, at);
    case 'current': {
      const { manifestId } = outcome;
      return confirmed({ ...before, issuedManifestId: manifestId, provedManifestId: manifestId }, at);
    }
    default: {
      const { code, table } = outcome;
      return { ...before, failing: { code, at, ...(table !== undefined && { table }) } };
    }
  }
}

function confirmed({ failing: _failing, ...note }: ProgressNote, at: Date): ProgressNote {
  return { ...note, confirmedAt: at, reported: null };
}
