export * from './key-chain';
export * from './key-pair';
export * from './statement';
export * from './verify-proof';
export * from './verify-receipt';
