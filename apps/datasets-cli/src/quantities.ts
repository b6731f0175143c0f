const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `3 rows`, `1 row` */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `812 bytes`, `48.3 kB`: powers of 1000. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 999.95 && unit < UNITS.length - 1; unit += 1) value /= 1_000;
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
