export * from './key-pair';
export * from './statement';
