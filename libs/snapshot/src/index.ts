export * from './describe-query';
export * from './find-repeated-key';
export * from './query-template';
export * from './read-chunks';
export * from './watermark-query';
export { nameOf, significantTokens, type SqlToken } from './sql-lexer';
