export {
  arrangeMirrors,
  refuseLosses,
  type ArrangedMirror,
  type Arrangement,
} from './arrange/arrange-mirrors';
export * from './load/build-indexes';
export * from './load/load-mirror';
export { lockTables, type LockPatience } from './table/lock-tables';
export * from './merge/merge-chunks';
export * from './merge/merge-patches';
export type { MergedRows } from './merge/merge-rows';
export { inspectPlaces, mirrorFingerprint, type FoundObject } from './catalogue/mirror-catalogue';
export { createMissingSchemas, grantReading, requireRoles } from './catalogue/mirror-grants';
export { placeKey, qualifiedName, type MirrorPlace } from './catalogue/mirror-place';
export { columnList, countRows, openMirror, type Mirror } from './table/mirror-table';
export * from './prove/prove-mirror';
export * from './prove/scan-mirror';
export * from './cutover/cut-over-mirrors';
export { sameKey } from './merge/same-key';
export { copyToStaging, createStaging, indexStaging } from './merge/staging';
export { coversHalf, inRange, joinSpans, keyColumns, keyExpression, rangeOfSpan } from './ranges/key-range';
export { findRanges, mergeRanges, withSettings } from './ranges/planner-settings';
