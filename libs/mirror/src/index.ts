export {
  arrangeMirrors,
  refuseLosses,
  type ArrangedMirror,
  type Arrangement,
  type RecordedMirror,
} from './arrange-mirrors';
export * from './build-indexes';
export type { MirrorColumn } from './column-types';
export * from './load-mirror';
export { lockTables, type LockPatience } from './lock-tables';
export * from './merge-chunks';
export * from './merge-patches';
export type { MergedRows } from './merge-rows';
export { mirrorFingerprint } from './mirror-catalogue';
export { createMissingSchemas, grantReading, requireRoles } from './mirror-grants';
export { placeKey, placeText, qualifiedName, type MirrorPlace } from './mirror-place';
export type { MirrorShape } from './mirror-shape';
export { countRows, openMirror, type Mirror } from './mirror-table';
export * from './prove-mirror';
export * from './scan-mirror';
export * from './settle-mirrors';
