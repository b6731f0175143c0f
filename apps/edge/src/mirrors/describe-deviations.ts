import type { MirrorInspection } from './inspect-mirror';

/** One sentence or two, for the log. */
export function describeDeviations({ recorded, status, deviations }: MirrorInspection): string {
  const mirror = `The mirror ${recorded.table}`;
  if (status === 'missing') return `${mirror} is missing, or its columns or key are different.`;
  const [first] = deviations;
  if (first === undefined) return `${mirror} does not match its record.`;
  const chunks = deviations.reduce((sum, deviation) => sum + deviation.chunks, 0);
  const expected = deviations.reduce((sum, deviation) => sum + deviation.expectedRows, 0);
  const actual = deviations.reduce((sum, deviation) => sum + deviation.actualRows, 0);
  const keys = `${readable(first.firstKey)} to ${readable(first.lastKey)}`;
  const more = deviations.length === 1 ? '' : `, and in ${deviations.length - 1} more ranges`;
  return (
    `${mirror} differs from what was applied, in ${chunks} of its chunks: keys ${keys}${more}. ` +
    `They should have ${expected} rows and have ${actual}.`
  );
}

function readable(key: string): string {
  return key.replaceAll('\t', ', ').slice(0, 100);
}
