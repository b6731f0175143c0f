import { escapeControls } from '@rivulet/cli';
import type { LeftOut, StarterDataset, StarterDatasets } from './starter-datasets';
import type { StarterScope } from './starter-scope';
import { yamlText } from './sql-names';

export interface StarterFile extends StarterDatasets {
  schemas: string[];
  scope: StarterScope;
  /** Path of the JSON Schema, relative to the file. */
  schemaPath: string | undefined;
}

const LINE_WIDTH = 110;

/** The text of a datasets file. */
export function writeStarterFile({ schemas, scope, datasets, leftOut, schemaPath }: StarterFile): string {
  const lines = [
    ...(schemaPath === undefined ? [] : [`# yaml-language-server: $schema=${schemaPath}`]),
    ...comment('', [
      `Created by \`npm run datasets -- init\` from the tables in ${schemas.map(yamlText).join(', ')}.`,
      'Every device gets all rows of these tables. Remove the tables and columns that devices do not need, and add',
      'conditions on the columns of the scope to the queries, for example WHERE site_id = :site_id.',
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
  return ['', ...comment('', ['Tables left out:', ...tables])];
}

/** Drafts become datasets when uncommented, and are rejected until they have a key. */
function draftLines(leftOut: LeftOut[]): string[] {
  const drafts = leftOut.flatMap(({ draft }) => draft ?? []);
  if (drafts.length === 0) return [];
  const lines = drafts.flatMap((draft) => ['', ...datasetLines(draft)]);
  return ['', ...comment('', DRAFTS), ...lines.map((line) => `# ${line}`.trimEnd())];
}

const DRAFTS = [
  'Views have no primary key. To send one, remove the "# " from its lines and list in its key the columns that are',
  'never NULL and together identify a row.',
];

function comment(indentation: string, lines: string[]): string[] {
  return lines.map((line) => `${indentation}# ${escapeControls(line)}`);
}

/** A block scalar. No line begins with a blank or contains a line end. */
function block(indentation: string, field: string, lines: string[]): string[] {
  return [`${indentation}${field}: |`, ...lines.map((line) => `${indentation}  ${line}`)];
}

/** A word followed by a list, wrapped over several lines. */
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
