/** The configuration of the documents, which have only one. */
export const DEFAULT_NAME = 'default';
