/** What becomes of a value on the way: it arrives, or the sync fails with this error. */
export type Outcome = 'carried' | 'APPLY_FAILED' | 'SCHEMA_UNSUPPORTED' | 'CHECKSUM_MISMATCH';

export interface Difference {
  what: string;
  type: string;
  value: string;
  /** Versions that can be the source of the value. */
  from: { min: number; max?: number };
  outcome: (edge: number, central: number) => Outcome;
}

/** Values that some versions lack, or read or print differently. Found by running all pairs, see docs/types.md. */
export const versionDifferences: Difference[] = [
  ...['infinity', '-infinity'].map((value) => ({
    what: `the interval ${value}`,
    type: 'interval',
    value,
    from: { min: 17 },
    outcome: unreadableBefore(17),
  })),
  {
    what: 'an infinite interval in an array',
    type: 'interval[]',
    value: '{1 day,infinity}',
    from: { min: 17 },
    outcome: unreadableBefore(17),
  },
  {
    what: 'an interval of more than 2147483647 hours',
    type: 'interval',
    value: '2562047788:00:54.775807',
    from: { min: 15 },
    outcome: unreadableBefore(15),
  },
  {
    what: 'an interval that later became infinity',
    type: 'interval',
    value: '178956970 years 7 mons 2147483647 days 2562047788:00:54.775807',
    from: { min: 15, max: 16 },
    outcome: (edge) => (edge >= 17 ? 'CHECKSUM_MISMATCH' : unreadableBefore(15)(edge)),
  },
  {
    what: 'a jsonpath with a newer method',
    type: 'jsonpath',
    value: '$.a.bigint()',
    from: { min: 17 },
    outcome: unreadableBefore(17),
  },
  {
    what: 'a jsonpath with a filter of a number',
    type: 'jsonpath',
    value: '1 ? (2 > 1)',
    from: { min: 14 },
    outcome: (edge, central) => (edge < 15 === central < 15 ? 'carried' : 'CHECKSUM_MISMATCH'),
  },
  {
    what: 'a jsonpath with a method of a number',
    type: 'jsonpath',
    value: '(1).type()',
    from: { min: 14 },
    outcome: (edge, central) => {
      if (edge < 15 === central < 15) return 'carried';
      return central < 15 ? 'APPLY_FAILED' : 'CHECKSUM_MISMATCH';
    },
  },
  {
    // Version 14 prints -1.abs(), and reads that as another path.
    what: 'a jsonpath with a method of a negative number',
    type: 'jsonpath',
    value: '(-1).abs()',
    from: { min: 14 },
    outcome: (edge, central) => {
      if (edge >= 15) return central < 15 ? 'APPLY_FAILED' : 'carried';
      return 'CHECKSUM_MISMATCH';
    },
  },
  {
    // Version 14 prints the bare byte, which no server takes for UTF-8.
    what: 'a "char" that is not ASCII',
    type: '"char"',
    value: 'é',
    from: { min: 14 },
    outcome: (edge, central) => {
      if (central < 15) return 'APPLY_FAILED';
      return edge < 15 ? 'CHECKSUM_MISMATCH' : 'carried';
    },
  },
  ...['numeric(5,-2)', 'numeric(3,5)'].map((type) => ({
    what: `the type ${type}`,
    type,
    value: '0.00123',
    from: { min: 15 },
    outcome: (edge: number): Outcome => (edge < 15 ? 'SCHEMA_UNSUPPORTED' : 'carried'),
  })),
];

function unreadableBefore(version: number): (edge: number) => Outcome {
  return (edge) => (edge < version ? 'APPLY_FAILED' : 'carried');
}
