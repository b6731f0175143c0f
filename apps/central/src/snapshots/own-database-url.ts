/** The URL of central's own database, which the composition root provides. */
export const OWN_DATABASE_URL = Symbol("URL of central's own database");
