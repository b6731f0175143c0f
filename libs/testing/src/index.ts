export * from './app-process';
export * from './fake-hub';
export * from './test-database';
