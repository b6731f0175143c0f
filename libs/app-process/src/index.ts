export * from './app-log';
export * from './app-process';
export * from './ipc-messages';
export * from './parent-process';
