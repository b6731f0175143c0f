/** The catalogue's entry for an error code. */
export interface ErrorDescription {
  /** A short name, in sentence case. */
  title: string;
  /** The event, in whole sentences. */
  meaning: string;
  /** The default next step; the code that raises the error can give a better one. */
  nextStep: string;
  /** Whether a retry can succeed without intervention; then it is logged as WARN, not as ERROR. */
  transient: boolean;
}
