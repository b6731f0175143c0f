import type { ConfigurationStatement } from '@rivulet/protocol';

/** A configuration that central has signed for this device, with its ETag. */
export interface HeldConfiguration {
  statement: ConfigurationStatement;
  /** As it came. */
  document: string;
  etag: string;
}

/** By epoch, then by sequence. */
export function isLater(one: ConfigurationStatement, other: ConfigurationStatement): boolean {
  return one.epoch === other.epoch ? one.sequence > other.sequence : one.epoch > other.epoch;
}

export function isSameContent(one: ConfigurationStatement, other: ConfigurationStatement): boolean {
  return one.version === other.version && one.sha256 === other.sha256;
}

/** The record of the version that failed last. */
export interface FailedVersion {
  version: number;
  sha256: string;
  code: string;
  reason: string;
  /** Whether the same version may do better later. */
  isPassing: boolean;
  attempts: number;
}
