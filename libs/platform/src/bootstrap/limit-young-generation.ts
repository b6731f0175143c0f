import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the young generation of V8's heap at the size that it has now, at the start. By default it grows with the
 * machine, to 100 MB and more of short-lived objects that nobody collects in time; both apps then peaked at
 * 390 MiB with a million rows, and at 250 with this, no slower (docs/adr/0010).
 */
setFlagsFromString('--semi-space-growth-factor=1');
