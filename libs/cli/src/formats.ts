const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** `1,032`: a whole number. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `1,032` · `0.042`: at most three decimals. */
export function formatFigure(figure: number): string {
  return figure.toLocaleString('en-US');
}

/** `3 rows` · `1 row` */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `812 bytes` · `48.3 kB` · `1.2 GB`: powers of 1000, as disks and networks are sold. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 999.95 && unit < UNITS.length - 1; unit += 1) value /= 1_000;
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `0.42 s` · `3.1 s` · `48 s` · `3 min 20 s` */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
