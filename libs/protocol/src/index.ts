export * from './error-codes';
export * from './rivulet-error';
