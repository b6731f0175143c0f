export * from './escape-controls';
export * from './formats';
export * from './progress';
export * from './table';
export * from './terminal-style';
