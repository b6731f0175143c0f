import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const root = resolve(__dirname, '..');
const source = join(root, 'apps/central/src');
const MOST_FOLDERS = 8;

/** The folder of a feature that a file of central is in, if it is in one. */
function featureOf(path: string): string | undefined {
  const parts = relative(source, path).split('/');
  return parts.length > 1 && parts[0] !== '..' ? parts[0] : undefined;
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('spec.ts') && statSync(path).isFile());
}

/** The other features that the files of one import. */
function importsOf(feature: string): string[] {
  const imported = filesOf(join(source, feature)).flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/(?:from|import|import\()\s*'(\.[^']+)'/g)].map((match) =>
      featureOf(resolve(path, '..', match[1]!)),
    ),
  );
  return [...new Set(imported)].filter((name) => name !== undefined && name !== feature) as string[];
}

/** The names in the list that follows a sentence of a page. */
function listAfter(page: string, sentence: string): string[] {
  const lines = readFileSync(join(root, page), 'utf8').split('\n');
  const start = lines.findIndex((line) => line.startsWith(sentence));
  const items = lines.slice(start + 1).map((line) => /^\d+\. `([\w-]+)`/.exec(line)?.[1]);
  const first = items.findIndex((name) => name !== undefined);
  const list = items.slice(first);
  return start === -1 ? [] : (list.slice(0, list.indexOf(undefined)) as string[]);
}

function reachedFrom(feature: string): Set<string> {
  const reached = new Set([feature]);
  for (const name of reached) for (const next of importsOf(name)) reached.add(next);
  return reached;
}

const features = readdirSync(source, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe('the folders of central', () => {
  const route = listAfter(
    'docs/ARCHITECTURE.md',
    'A device request enters these folders of central, each once, in one direction',
  );

  it(`that a device request enters are at most ${MOST_FOLDERS}, and docs/ARCHITECTURE.md lists them`, () => {
    expect(route.length).toBeLessThanOrEqual(MOST_FOLDERS);
    expect(new Set(route)).toEqual(reachedFrom('device-sync'));
  });

  it('import only folders that come later in that list', () => {
    const backwards = route.flatMap((name, place) =>
      importsOf(name)
        .filter((imported) => route.indexOf(imported) <= place)
        .map((imported) => `${name} → ${imported}`),
    );
    expect(backwards).toEqual([]);
  });

  it.each(features)('%s does not import itself by way of others', (feature) => {
    const others = importsOf(feature).flatMap((name) => [...reachedFrom(name)]);
    expect(others).not.toContain(feature);
  });

  it.each(features)('%s is a module of its own name', (feature) => {
    expect(readdirSync(join(source, feature))).toContain(`${feature}.module.ts`);
  });

  it('devices imports none of the others but the key that central signs with', () => {
    expect(importsOf('devices')).toEqual(['signing']);
  });
});
