export * from './describe-query';
export * from './query-template';
export * from './read-chunks';
