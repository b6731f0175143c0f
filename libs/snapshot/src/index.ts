export * from './describe-query';
export * from './find-repeated-key';
export * from './query-template';
export { canonicalCopy, canonicalSelect, readChunks, type RowSource } from './read-chunks';
export * from './read-scopes';
export * from './watermark-query';
export { nameOf, significantTokens, type SqlToken } from './sql-lexer';
