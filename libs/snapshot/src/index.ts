export * from './describe-query';
export * from './find-repeated-key';
export * from './query-template';
export { canonicalCopy, canonicalSelect, readChunks, type RowSource } from './read-chunks';
export * from './read-scopes';
export * from './row-failure';
export * from './watermark-query';
export * from './watermark-start';
export { nameOf, significantTokens, type SqlToken } from './sql-lexer';
