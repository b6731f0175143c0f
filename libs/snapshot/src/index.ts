export * from './describe-query';
export * from './find-repeated-key';
export * from './query-template';
export * from './read-chunks';
export { nameOf, significantTokens, type SqlToken } from './sql-lexer';
