import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manageConnections } from '@rivulet/platform';
import { createEdgeApp, type EdgeLimits } from '../../../apps/edge/test/edge-app';
import { ListeningApp } from './running-app';
import type { Starters } from './sync-pair';

/** An edge in the process of the test, also with limits that a real one does not let anybody set. */
export async function startEdgeInProcess(
  variables: Record<string, string>,
  limits: EdgeLimits = {},
): Promise<ListeningApp> {
  const lines: string[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-edge-'));
  const app = await createEdgeApp({ ...filesIn(directory), ...variables }, limits, (line) =>
    lines.push(line),
  );
  manageConnections(app, {});
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return new ListeningApp(app, `http://127.0.0.1:${port}`, lines, () =>
    rmSync(directory, { recursive: true }),
  );
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

/** For a pair whose central is a process of its own. */
export function edgeInProcess(limits: EdgeLimits): Pick<Starters, 'edge'> {
  return { edge: (variables) => startEdgeInProcess(variables, limits) };
}
