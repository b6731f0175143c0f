import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const MEBIBYTE = 1024 * 1024;

/** Of the pool that small buffers share: what Node had before 24.21. */
const BUFFER_POOL_BYTES = 8 * 1024;

/** Of each of the two halves, of which one is in use. */
const SEMI_SPACE_BYTES = 4 * MEBIBYTE;

/** Garbage of the old generation before it is collected. V8 itself lets as much pile up as is in use, and more. */
const GARBAGE_BYTES = 24 * MEBIBYTE;
/** The least share of the memory in use: each collection looks at all of that. */
const LEAST_GARBAGE_PERCENT = 15;
const MOST_GARBAGE_PERCENT = 100;

/** From so much in use on, memory is saved at the price of processor time. */
const SAVED_FROM_BYTES = 76 * MEBIBYTE;

/**
 * Keeps V8's heap small. An app imports it before all that fills the heap, for its effect. By default its young generation grows with the machine, to 100 MB and more of short-lived
 * objects that nobody collects in time, and its old one to twice what is in use, with all buffers that its dead objects
 * hold. While the modules are loaded the young generation stays as it is: what they make stays for good. The old one is
 * limited from the beginning, as V8 keeps the pages of a heap that has once been large. See docs/adr/0010.
 */
setGrowthFactor(1);
setGarbagePercent(LEAST_GARBAGE_PERCENT);
collectYoungObjectsWhileMarking();
limitBufferPool();

/** All modules are loaded. Called later, the first collection of the old generation would fall into the first request. */
export function limitGarbage(): void {
  onCollections((collections) => {
    if (collections.some(isMajor)) sizeGarbage();
  });
  sizeGarbage();
}

/** Takes effect at the collection after the next one: V8 sets its limit when it has collected. */
function sizeGarbage(): void {
  const bytes = usedBytes();
  saveMemory(bytes >= SAVED_FROM_BYTES);
  const percent = Math.round((100 * GARBAGE_BYTES) / Math.max(bytes, 1));
  setGarbagePercent(Math.min(MOST_GARBAGE_PERCENT, Math.max(LEAST_GARBAGE_PERCENT, percent)));
}

/**
 * The app listens. From now on the young generation may grow, to a size at which a request is over before its objects are
 * looked at a second time. Those that are looked at twice count as old, and wait for the rare and expensive collection of
 * the old generation.
 */
export function growYoungGeneration(): void {
  // V8 makes it smaller again when little happens.
  onCollections(sizeYoungGeneration);
  sizeYoungGeneration();
}

/** It may be collected several times before we are told, and grow each time: twofold at most. */
function sizeYoungGeneration(): void {
  const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  if (space === undefined || space.space_size === 0) return;
  setGrowthFactor(space.space_size < 2 * SEMI_SPACE_BYTES ? 2 : 1);
}

/**
 * Only a buffer that is larger than the pool of small ones is known to share its memory with no other, and can be freed by
 * hand. With the 64 KiB of Node 24.21 that is hardly any: a read of a socket has 64 KiB at most. The first pool has the old
 * size, and is left to whoever has a part of it.
 */
function limitBufferPool(): void {
  Buffer.poolSize = BUFFER_POOL_BYTES;
  const first = Buffer.allocUnsafe(1).buffer;
  while (Buffer.allocUnsafe(BUFFER_POOL_BYTES / 4).buffer === first);
}

function usedBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !name.startsWith('new_'))
    .reduce((sum, { space_used_size: bytes }) => sum + bytes, 0);
}

function onCollections(listener: (collections: PerformanceEntry[]) => void): void {
  new PerformanceObserver((entries) => listener(entries.getEntries())).observe({ entryTypes: ['gc'] });
}

function isMajor(collection: PerformanceEntry): boolean {
  const { detail } = collection as PerformanceEntry & { detail?: { kind?: number } };
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}

/** V8 lets the young generation grow instead for as long as it marks the old one: to 30 MiB, when requests come one after the other. */
function collectYoungObjectsWhileMarking(): void {
  setFlagsFromString('--no-separate-gc-phases');
}

/** A collection starts as soon as its limit is reached, moves objects together, and gives the pages that are free then back at once. */
function saveMemory(isOn: boolean): void {
  setFlagsFromString(isOn ? '--memory-saver-mode' : '--no-memory-saver-mode');
}

function setGarbagePercent(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

function setGrowthFactor(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}
