import { startMeasuringThread, type MeasuringThread } from './measuring-thread';

export interface MirrorReaders {
  databaseUrl: string;
  table: string;
  rows: number;
  connections: number;
  /** Reads a second, over all connections. */
  perSecond: number;
}

export interface MirrorReadersResult {
  /** Milliseconds of each read. */
  latencies: Float64Array;
  /** Reads that did not find their row. */
  missing: number;
}

/** An application on the device: reads single rows by primary key, at a steady pace. */
export function startMirrorReaders(readers: MirrorReaders): Promise<MeasuringThread<MirrorReadersResult>> {
  return startMeasuringThread('mirror-readers-thread', readers);
}
