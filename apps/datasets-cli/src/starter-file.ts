import { escapeControls } from '@rivulet/cli';
import type { LeftOut, StarterDataset, StarterDatasets } from './starter-datasets';
import type { StarterScope } from './starter-scope';
import { yamlText } from './sql-names';

export interface StarterFile extends StarterDatasets {
  schemas: string[];
  scope: StarterScope;
  /** Of the JSON Schema of datasets files, from where the file will be. */
  schemaPath: string | undefined;
}

const LINE_WIDTH = 110;

/** The text of a datasets file. */
export function writeStarterFile({ schemas, scope, datasets, leftOut, schemaPath }: StarterFile): string {
  const lines = [
    ...(schemaPath === undefined ? [] : [`# yaml-language-server: $schema=${schemaPath}`]),
    ...comment('', [
      `Made by \`npm run datasets -- init\` of the tables in ${schemas.map(yamlText).join(', ')}.`,
      'As it is, every device gets all rows of these tables. Take out the tables and the columns that devices do not',
      'need, and give the queries a condition on what the scope returns, for example WHERE site_id = :site_id.',
    ]),
    'version: 1',
    '',
    'scope:',
    ...comment('  ', scope.remarks),
    ...block('  ', 'query', scope.lines),
    '',
    'datasets:',
    ...datasets.flatMap((dataset, index) => [...(index === 0 ? [] : ['']), ...datasetLines(dataset)]),
    ...draftLines(leftOut),
    ...leftOutLines(leftOut),
  ];
  return `${lines.join('\n')}\n`;
}

function datasetLines({ name, schema, table, key, columns, from, remarks }: StarterDataset): string[] {
  return [
    `  - name: ${yamlText(name)}`,
    ...(schema === undefined ? [] : [`    schema: ${yamlText(schema)}`]),
    ...(table === undefined ? [] : [`    table: ${yamlText(table)}`]),
    `    key: [${key.map(yamlText).join(', ')}]`,
    ...comment('    ', remarks),
    ...block('    ', 'query', [...wrap('SELECT ', columns), `FROM ${from}`]),
  ];
}

function leftOutLines(leftOut: LeftOut[]): string[] {
  const tables = leftOut.flatMap(({ table, reason, draft }) => (draft ? [] : [`  ${table.sql}: ${reason}`]));
  if (tables.length === 0) return [];
  return ['', ...comment('', ['Tables that are left out:', ...tables])];
}

/** They are datasets as soon as the comment signs are gone, and are refused until they have a key. */
function draftLines(leftOut: LeftOut[]): string[] {
  const drafts = leftOut.flatMap(({ draft }) => draft ?? []);
  if (drafts.length === 0) return [];
  const lines = drafts.flatMap((draft) => ['', ...datasetLines(draft)]);
  return ['', ...comment('', DRAFTS), ...lines.map((line) => `# ${line}`.trimEnd())];
}

const DRAFTS = [
  'Views, of which PostgreSQL knows no key. To send one, take the "# " off its lines, and name in its key the columns',
  'that are never NULL and together identify a row.',
];

function comment(indentation: string, lines: string[]): string[] {
  return lines.map((line) => `${indentation}# ${escapeControls(line)}`);
}

/** None of the lines begins with a blank or has a line end in it. */
function block(indentation: string, field: string, lines: string[]): string[] {
  return [`${indentation}${field}: |`, ...lines.map((line) => `${indentation}  ${line}`)];
}

/** A list behind a word, on as many lines as it takes. */
function wrap(word: string, items: string[]): string[] {
  const lines: string[] = [];
  let line = word;
  for (const [index, item] of items.entries()) {
    const piece = index === items.length - 1 ? item : `${item},`;
    const isFirst = line.trim() === '' || line === word;
    if (!isFirst && line.length + piece.length + 1 > LINE_WIDTH) {
      lines.push(line);
      line = ' '.repeat(word.length) + piece;
    } else {
      line += isFirst ? piece : ` ${piece}`;
    }
  }
  return [...lines, line];
}
