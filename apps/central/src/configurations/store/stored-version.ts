import type { ConfigurationContent } from '../content/configuration-content';

export interface StoredConfiguration {
  name: string;
  description: string | null;
  schema: unknown;
  latestVersion: number;
  /** The version that every target has; null where nothing was released yet. */
  releasedVersion: number | null;
  createdAt: Date;
  changedAt: Date;
}

/** A version without what it says. */
export interface VersionEntry {
  name: string;
  version: number;
  /** The hash of its whole content, in hex. */
  sha256: string;
  author: string;
  comment: string | null;
  restoredFrom: number | null;
  createdAt: Date;
}

export type StoredVersion = VersionEntry & ConfigurationContent;
