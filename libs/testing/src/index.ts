export * from './bus-server';
export * from './fake-hub';
export * from './free-port';
export * from './malicious-proxy';
export * from './pg-bouncer';
export * from './start-app';
export * from './test-database';
export * from './tcp-relay';
