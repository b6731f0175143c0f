import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Size of each of the two halves, of which one is in use. */
const SEMI_SPACE_BYTES = 4 * 1024 * 1024;

/**
 * Keeps the young generation of V8's heap small. By default it grows with the machine, to 100 MB and more of
 * short-lived objects that nobody collects in time. While the modules are loaded it stays as it is: what they make
 * stays for good. See docs/adr/0010.
 */
setGrowthFactor(1);

/**
 * From now on it may grow, to a size at which a request is over before its objects are looked at a second time. Those that
 * are looked at twice count as old, and wait for the rare and expensive collection of the old generation.
 */
export function sizeYoungGeneration(): void {
  new PerformanceObserver(adjust).observe({ entryTypes: ['gc'] });
  adjust();
}

/** V8 makes it smaller again when little happens. */
function adjust(): void {
  const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  if (space === undefined || space.space_size === 0) return;
  setGrowthFactor(Math.max(1, Math.floor((2 * SEMI_SPACE_BYTES) / space.space_size)));
}

function setGrowthFactor(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}
