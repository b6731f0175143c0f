/**
 * URLs by name: `centralUrl`, `centralDatabaseUrl`, `edgeUrl`, `edgeDatabaseUrl`, `workerUrl`; the process they are of; and an
 * admin of the local system: `operatorUsername`, `operatorPassword`.
 */
export type Runtime = Partial<
  Record<
    `${'central' | 'edge'}${'Url' | 'DatabaseUrl'}` | 'workerUrl' | `operator${'Username' | 'Password'}`,
    string
  >
> & {
  pid: number;
  /** Where central listens for agents over TCP. */
  agentPort?: number | undefined;
};

export const systemRuntimeFile: string;
export function appRuntimeFile(app: 'central' | 'edge' | 'worker'): string;
export function writeRuntimeFile(path: string, runtime: Runtime): void;
export function readRuntimeFile(path: string): Runtime | undefined;
export function removeRuntimeFile(path: string): void;
