import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describeEnvironment, errorStatus } from '@rivulet/platform';
import { errorAreas, errorCatalogue } from '@rivulet/errors';
import { CentralModule } from '../apps/central/src/central.module';
import { EdgeModule } from '../apps/edge/src/edge.module';
import { WorkerModule } from '../apps/worker/src/worker.module';

const root = resolve(__dirname, '..');
const records = readdirSync(join(root, 'docs/adr')).filter((name) => /^\d{4}-.+\.md$/.test(name));
const pages = [
  'CHANGELOG.md',
  'docs/ARCHITECTURE.md',
  'docs/benchmarks.md',
  'docs/configuration.md',
  'docs/collection.md',
  'docs/datasets.md',
  'docs/error-codes.md',
  'docs/operations.md',
  'docs/realtime.md',
  'docs/types.md',
  'docs/adr/README.md',
  ...records.map((name) => `docs/adr/${name}`),
];

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** The lines from a heading to the next one of the same or a higher level. */
function section(page: string, heading: string): string[] {
  const lines = page.split('\n');
  const start = lines.indexOf(heading);
  const level = heading.indexOf(' ');
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level);
  return start === -1 ? [] : lines.slice(start + 1, length === -1 ? undefined : start + 1 + length);
}

/** The rows of the tables in it, without heads and rules. */
function tableRows(lines: string[]): string[] {
  return lines.filter((line, index) => line.startsWith('| ') && lines[index + 1]?.startsWith('|-') !== true);
}

describe('docs/error-codes.md', () => {
  const page = read('docs/error-codes.md');

  it('has the areas of the catalogue, and these have all codes', () => {
    const headings = page.split('\n').filter((line) => line.startsWith('## '));
    expect(headings.slice(1)).toEqual(errorAreas.map(({ title }) => `## ${title}`));
    expect(errorAreas.flatMap(({ codes }) => codes)).toEqual(Object.keys(errorCatalogue));
  });

  it.each(errorAreas)('says of "$title" what the code says', ({ title, codes }) => {
    const expected = codes.map((code) => {
      const { meaning, nextStep } = errorCatalogue[code];
      return `| \`${code}\` | ${errorStatus[code]} | ${meaning} | ${nextStep} |`;
    });
    expect(tableRows(section(page, `## ${title}`))).toEqual(expected);
  });
});

describe('docs/operations.md', () => {
  const page = read('docs/operations.md');

  it.each([
    ['Central', CentralModule.environment],
    ['Edge', EdgeModule.environment],
    ['Worker', WorkerModule.environment],
  ])('has the environment of %s, with its defaults', (app, sections) => {
    const expected = describeEnvironment(sections).map(
      ({ variable, default: value, accepts, description }) => {
        return `| \`${variable}\` | ${value === '' ? '–' : `\`${value}\``} | ${inShort(accepts)} | ${description} |`;
      },
    );
    expect(tableRows(section(page, `### ${app}`))).toEqual(expected);
  });
});

/** What class-validator says in several phrases. */
function inShort(accepts: string): string {
  return accepts
    .replace(
      /^a number, must not be greater than (\d+), must not be less than (\d+), must be an integer number$/,
      'a whole number from $2 to $1',
    )
    .replace(/^a text, must be a string$/, 'a text')
    .replace(/^a text, must be one of the following values: /, 'one of ')
    .replace(/^a text, must be /, '')
    .replace('a duration such as 500ms, 30s, 5m or 1h', 'a duration');
}

describe('the pages', () => {
  const names = new Set([
    ...Object.keys(errorCatalogue),
    ...describeEnvironment([
      ...CentralModule.environment,
      ...EdgeModule.environment,
      ...WorkerModule.environment,
    ]).map(({ variable }) => variable),
    ...(read('docker-compose.central.yml').match(/CENTRAL_[A-Z_]+/g) ?? []),
    ...(read('docker-compose.edge.yml').match(/(EDGE|WORKER)_[A-Z_]+/g) ?? []),
    'MALLOC_ARENA_MAX',
    'NODE_ENV',
    'NODE_OPTIONS',
  ]);

  it.each(pages)('%s names files, errors and variables that are there', (page) => {
    const text = read(page);
    const files = [...text.matchAll(/`((?:apps|bench|db|deploy|docs|libs|scripts|test|tools)\/[\w./-]+)`/g)];
    expect(files.map((match) => match[1]!).filter((path) => !existsSync(join(root, path)))).toEqual([]);

    const capitals = [...text.matchAll(/`([A-Z]+_[A-Z_]*[A-Z])\b/g)].map((match) => match[1]!);
    expect(capitals.filter((name) => !names.has(name))).toEqual([]);
  });

  it.each([...pages, 'README.md', 'docs/protocol.md'])('%s has links that lead somewhere', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
    const broken = links
      .filter((link) => !link.startsWith('https://'))
      .filter((link) => {
        const [path, anchor] = link.split('#') as [string, string | undefined];
        const file = path === '' ? page : join(dirname(page), path);
        if (!existsSync(join(root, file))) return true;
        return anchor !== undefined && !anchorsOf(read(file)).includes(anchor);
      });
    expect(broken).toEqual([]);
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('docs/adr', () => {
  it('is numbered without a gap', () => {
    const numbers = records.map((name) => Number(name.slice(0, 4)));
    expect(numbers).toEqual(records.map((_, index) => index + 1));
  });

  it('has an index with every record under its own title', () => {
    const expected = records.map((name) => {
      const number = name.slice(0, 4);
      const title = read(`docs/adr/${name}`).split('\n', 1)[0]!.replace(`# ${number} `, '');
      return `| [${number}](${name}) | ${title} |`;
    });
    expect(tableRows(read('docs/adr/README.md').split('\n'))).toEqual(expected);
  });
});
