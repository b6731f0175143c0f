export type { MirrorColumn } from './column-types';
export * from './load-mirror';
export * from './merge-chunks';
export * from './merge-patches';
export type { MergedRows } from './merge-rows';
export {
  createMissingIndexes,
  mirrorFingerprint,
  openMirror,
  type LoadedMirror,
  type Mirror,
} from './mirror-table';
export * from './prove-mirror';
export * from './scan-mirror';
