import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEdgeApp, type EdgeLimits } from '../../apps/edge/test/edge-app';
import type { AppProcess } from '@rivulet/app-process';

/** What tests do with an edge, in whichever process it runs. */
export type RunningEdge = Pick<AppProcess, 'url' | 'complaints' | 'stop' | 'kill'>;

/** An edge in the process of the test, for limits that a real one does not let anybody set. */
export async function startEdgeInProcess(
  variables: Record<string, string>,
  limits: EdgeLimits,
): Promise<RunningEdge> {
  const complaints: AppProcess['complaints'] = [];
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-edge-'));
  const app = await createEdgeApp({ ...filesIn(directory), ...variables }, limits, (line) => {
    const entry = JSON.parse(line) as AppProcess['complaints'][number];
    if (['warn', 'error', 'fatal'].includes(entry.level)) complaints.push(entry);
  });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const stop = async (): Promise<number> => {
    await app.close();
    rmSync(directory, { recursive: true });
    return 0;
  };
  return { url: `http://127.0.0.1:${port}`, complaints, stop, kill };
}

/** Edges of tests that run at once share no files. */
function filesIn(directory: string): Record<string, string> {
  return {
    EDGE_SPOOL_FILE: join(directory, 'edge.spool'),
    EDGE_COLLECT_SPOOL: join(directory, 'collected'),
    EDGE_CONFIGURATION_DIRECTORY: join(directory, 'configuration'),
    EDGE_IDENTITY_DIRECTORY: join(directory, 'identity'),
  };
}

async function kill(): Promise<never> {
  throw new Error('Only a process of its own can be killed.');
}
