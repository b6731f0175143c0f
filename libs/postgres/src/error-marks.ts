/** What only the connection can know of an error that came over it. */
export interface ErrorMarks {
  /** It was the answer to an attempt to connect. */
  refusesConnection?: true;
  /** The statement was cancelled before its own limit: by somebody. */
  cancelledByOthers?: true;
}
