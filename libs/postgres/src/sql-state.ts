/** Every SQLSTATE that Rivulet distinguishes. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const sqlState = {
  deadlockDetected: '40P01',
  dependentObjectsStillExist: '2BP01',
  diskFull: '53100',
  duplicateObject: '42710',
  duplicateTable: '42P07',
  foreignKeyViolation: '23503',
  idleInTransactionTimeout: '25P03',
  insufficientPrivilege: '42501',
  invalidCatalogName: '3D000',
  invalidSchemaName: '3F000',
  lockNotAvailable: '55P03',
  programLimitExceeded: '54000',
  queryCanceled: '57014',
  readOnlyTransaction: '25006',
  syntaxError: '42601',
  tooManyConnections: '53300',
  transactionTimeout: '25P04',
  undefinedColumn: '42703',
  undefinedObject: '42704',
  undefinedTable: '42P01',
  uniqueViolation: '23505',
} as const;

export type SqlState = (typeof sqlState)[keyof typeof sqlState];
