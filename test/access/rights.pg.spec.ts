import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { RouteTable } from '@rivulet/platform';
import { startWorker } from '../../apps/worker/test/worker-in-process';
import { startAppInProcess } from '../support/apps/apps-in-process';

type Rights = Map<string, string>;

/** Of a running app: its routes, each with who may call it. */
async function rightsOf(name: 'central' | 'edge'): Promise<Rights> {
  const running = await startAppInProcess(name);
  const { routes } = running.app.get(RouteTable);
  try {
    return new Map(routes.map(({ method, path, rule }) => [`${method} ${inShort(path)}`, rule]));
  } finally {
    await running.stop();
  }
}

/** The pages of the API documents have a dozen files. */
function inShort(path: string): string {
  return path.startsWith('/api/docs/') ? '/api/docs/*' : path;
}

/** The table of docs/security.md, of which column 1 is central and column 2 the edge. */
function documentedRights(column: 1 | 2): Rights {
  const page = readFileSync(resolve(__dirname, '../../docs/security.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z]+ \/\S*)` \| ([a-z–]+) \| ([a-z–]+) \|$/gm)];
  return new Map(rows.map((row) => [row[1]!, row[1 + column]!] as const).filter(([, rule]) => rule !== '–'));
}

it.each([
  ['central', 1],
  ['edge', 2],
] as const)('docs/security.md says who may call each route of %s', async (name, column) => {
  expect(Object.fromEntries(documentedRights(column))).toEqual(Object.fromEntries(await rightsOf(name)));
});

it('docs/security.md says who may call each route of a worker', async () => {
  const worker = await startWorker({ WORKER_INTERNAL_KEY: 'the-key-of-this-worker' });
  try {
    const { routes } = worker.app.get(RouteTable);
    const rights = new Map(routes.map(({ method, path, rule }) => [`${method} ${inShort(path)}`, rule]));
    const page = readFileSync(resolve(__dirname, '../../docs/security.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `([A-Z]+ \/\S*)` \| ([a-z]+) \|$/gm)];
    const documented = new Map(rows.map(([, route, rule]) => [route!, rule!]));
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(rights));
  } finally {
    await worker.stop();
  }
});
