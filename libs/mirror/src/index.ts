export * from './load-mirror';
export { createMissingIndexes, mirrorFingerprint } from './mirror-table';
