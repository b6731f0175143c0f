/** Facts about an error that only the connection it came over can know. */
export interface ErrorMarks {
  /** It was the answer to an attempt to connect. */
  refusesConnection?: true;
  /** The statement was cancelled before its own limit: by somebody. */
  cancelledByOthers?: true;
}
