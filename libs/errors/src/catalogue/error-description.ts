/** What the catalogue says of one error code. */
export interface ErrorDescription {
  /** A short name, in sentence case. */
  title: string;
  /** What happened, in whole sentences. */
  meaning: string;
  /** What the reader can do about it, unless the place that raises the error knows better. */
  nextStep: string;
  /** Whether a later attempt can succeed with nobody doing anything: logged as WARN, not as ERROR. */
  transient: boolean;
}
