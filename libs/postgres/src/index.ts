export * from './advisory-lock';
export * from './app-database';
export * from './canonical-session';
export * from './copy';
export * from './pool';
export * from './postgres-error';
export * from './transaction';
export * from './embedded';
