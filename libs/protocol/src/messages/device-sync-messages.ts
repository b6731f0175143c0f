import { type ErrorCode, RivuletError } from '@rivulet/errors';
import { FieldReader, patterns, ShapeError } from '../json/field-reader';
import type { PlanTerms, SyncPlan } from './sync-plan';

/** The header with the MAC address that identifies a device. */
export const DEVICE_MAC_HEADER = 'x-device-mac';

/** Body of `POST /api/device-sync/request`. */
export interface SyncRequest extends PlanTerms {
  protocolVersion: number;
  /** 16 to 64 characters of base64url, new for each request; the manifest repeats it. */
  nonce: string;
  /** The manifest applied last, a ULID. */
  lastManifestId?: string;
  /** The schema version of that manifest. */
  schemaVersion?: string;
  /** The position of that manifest, by which central notices that it never issued it. */
  lastEpoch?: number;
  lastSequence?: number;
}

/** Answer to {@link SyncRequest}. */
export type SyncResponse =
  | {
      status: 'current';
      manifestId: string;
      /** The same, signed: CurrentStatement. */
      statement: string;
    }
  | {
      status: 'update';
      manifest: string;
      plan: SyncPlan;
      /** An operator wants all mirrors to be refilled, whatever is recorded of them. */
      resync?: boolean;
    };

/** A response whose manifest is not verified yet, so that its plan must not be read. */
export type UnverifiedSyncResponse =
  | { status: 'current'; manifestId: string; statement?: string }
  | { status: 'update'; manifest: string; plan: unknown; resync?: boolean };

/** Body of `POST /api/device-sync/acknowledgements`. */
export interface Acknowledgement {
  manifestId: string;
  status: 'applied' | 'failed';
  /** The edge's id of the sync cycle, a ULID. */
  cycleId: string;
  /** RFC 3339, from the edge's clock, which may be wrong. */
  finishedAt: string;
  durationMs: number;
  /** For `applied`: what was re-read from the edge's database. */
  tables: { name: string; rows: number; checksum: string }[];
  /** For `failed`: the reason. */
  error?: { code: ErrorCode; message: string };
}

/** @throws RivuletError CENTRAL_RESPONSE_INVALID */
export function parseSyncResponse(value: unknown): UnverifiedSyncResponse {
  try {
    const fields = new FieldReader(value, '');
    const status = fields.text('status', /^(current|update)$/, '`current` or `update`');
    if (status === 'current') {
      const manifestId = fields.text('manifestId', patterns.ulid, 'a ULID');
      const statement = fields.optionalText('statement', /^/, 'a text');
      return { status, manifestId, ...(statement === undefined ? {} : { statement }) };
    }
    const { plan, resync } = value as { plan: unknown; resync?: unknown };
    const manifest = fields.text('manifest');
    return { status: 'update', manifest, plan, ...(resync === true ? { resync } : {}) };
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new RivuletError('CENTRAL_RESPONSE_INVALID', `Central's answer is not valid: ${error.message}.`);
  }
}
