import { RivuletError } from '@rivulet/errors';

/** A task that is not to be done any more. */
const OVER = new Set<string>([
  'COLLECTION_RUN_OVER',
  'COLLECTION_RUN_UNKNOWN',
  'COLLECTION_TARGET_CHANGED',
  'COLLECTION_TARGET_UNFIT',
  'COLLECTION_OFFER_INVALID',
  'COLLECTION_UNPROVED',
  'COLLECTION_KEPT_UNWANTED',
]);
/** Central takes nothing more now. */
const LATER = new Set<string>(['CENTRAL_UNREACHABLE', 'COLLECTION_QUOTA_EXCEEDED', 'RATE_LIMITED']);
/** Central is there, and refuses this device. */
const REFUSAL = /^(DEVICE_|MAC_ADDRESS_|ACCESS_TOKEN_|COLLECTION_QUOTA_|RATE_LIMITED$)/;

export function isOver(error: unknown): error is RivuletError {
  return error instanceof RivuletError && OVER.has(error.code);
}

export function isForLater(error: unknown): boolean {
  return error instanceof RivuletError && LATER.has(error.code);
}

export function isRefusal(error: unknown): boolean {
  return error instanceof RivuletError && REFUSAL.test(error.code);
}
